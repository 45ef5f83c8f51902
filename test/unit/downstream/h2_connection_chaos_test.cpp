// Callers and handlers that do anything in any order: nothing is touched after its end, and the
// connection ends once, after its last exchange.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "h2_call.h"

namespace weir::downstream {
namespace {

// One run of it; what it draws from `random` is all that differs.
class Chaos {
 public:
  explicit Chaos(std::uint64_t seed) : random_(seed), call_(limits()) {}

  void step() {
    switch (random_.below(9)) {
      case 0:
      case 1: open(); break;
      case 2: handle([this](std::size_t i) { call_.answer(i, text()); }); break;
      case 3: handle([this](std::size_t i) { call_.abort(i); }); break;
      case 4: handle([this](std::size_t i) { half_answer(i); }); break;
      case 5: reset(); break;
      case 6: call_.peer.take(random_.below(5000)); break;
      case 7: call_.push(); break;
      case 8: call_.pass(std::chrono::milliseconds{random_.below(3000)}); break;
    }
    if (random_.below(3) > 0) call_.settle();
    if (random_.below(100) == 0) call_.connection.drain();
  }
  // The caller goes, then every exchange ends.
  void finish() {
    random_.below(2) == 0 ? call_.peer.end() : call_.peer.reset();
    call_.peer.take_everything();
    call_.settle();
    for (std::size_t i = 0; i < call_.streams.size(); ++i) {
      if (call_.streams[i] == nullptr) continue;
      EXPECT_EQ(call_.streams[i]->caller(), Caller::gone);
      EXPECT_FALSE(call_.closed);
      call_.abort(i);
    }
    call_.pass(std::chrono::minutes{5});
    call_.pass(std::chrono::minutes{5});
    EXPECT_TRUE(call_.closed);
  }
  std::size_t requests() const { return call_.streams.size(); }

 private:
  static policy::Limits limits() {
    policy::Limits limits;
    limits.streams = 8;
    limits.requests = 40;
    return limits;
  }
  std::string text() { return std::string(random_.below(100'000), 'x'); }

  void open() {
    if (!call_.client.may_open()) return;
    const bool post = random_.below(2) == 0;
    H2Exchange& made =
        call_.open(H2Call::request_head("/", post ? http::Method::post : http::Method::get));
    made.reads = random_.below(4) > 0;
    if (!post) return;
    made.write(text());
    if (random_.below(2) == 0) made.finish();
  }
  void reset() {
    if (call_.exchanges.empty()) return;
    call_.client.reset(*call_.exchanges[random_.below(call_.exchanges.size())],
                       codec::H2Error::cancel);
  }
  template <class Act>
  void handle(Act act) {
    if (call_.streams.empty()) return;
    const std::size_t index = random_.below(call_.streams.size());
    if (call_.streams[index] == nullptr) return;
    const http::Pull pulled = call_.streams[index]->body().pull();
    if (pulled.state == http::Pull::State::data) {
      call_.streams[index]->body().consume(pulled.bytes.size());
    }
    act(index);
  }
  void half_answer(std::size_t index) {
    auto head = H2Call::head_of(http::BodyLength::chunked());
    http::Sink& sink = call_.streams[index]->respond(head);
    sink.write(text());
    if (random_.below(2) == 0) call_.settle();
    call_.abort(index);
  }

  Random random_;
  H2Call call_;
};

TEST(H2ConnectionChaos, ends_once_after_the_last_exchange_whatever_came_before) {
  std::size_t requests = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(seed);
    Chaos chaos{seed};
    for (int i = 0; i < 120; ++i) chaos.step();
    chaos.finish();
    requests += chaos.requests();
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(requests, 1000U) << "there was something to go wrong";
}

}  // namespace
}  // namespace weir::downstream
