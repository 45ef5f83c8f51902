#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "net/greeting.h"
#include "weir/net/arrival.h"

namespace weir::net {
namespace {

constexpr std::size_t most_looked_at = 16384;

// Often the bytes are there already; only who has to wait for them is watched.
class Looking final : public Recognition, private Watcher, private Wakeable {
 public:
  Looking(Arrival& arrival, Duration at_most, GreetingEvents& events)
      : arrival_(arrival), events_(events), limit_(*this) {
    Scheduler& scheduler = arrival.loop().scheduler();
    scheduler.arm_in(limit_, at_most);
    scheduler.schedule(*this);
  }
  ~Looking() override { stop_watching(); }

 private:
  void on_ready(Readiness readiness) override {
    hung_up_ = hung_up_ || readiness.hung_up;
    look();
  }
  void wake() override { look(); }

  void look() {
    static thread_local std::array<char, most_looked_at> bytes;
    const ssize_t count =
        ::recv(arrival_.descriptor(), bytes.data(), bytes.size(), MSG_PEEK | MSG_DONTWAIT);
    const bool nothing_yet = count < 0 && (errno == EAGAIN || errno == EINTR);
    if (count < 0 && !nothing_yet) return conclude({});
    if (count == 0) return conclude({.kind = Greeting::Kind::ended, .server_name = {}});
    const std::span<const char> seen{bytes.data(), static_cast<std::size_t>(count > 0 ? count : 0)};
    if (auto greeting = recognise(seen)) return conclude(std::move(*greeting));
    if (limit_.fired() || hung_up_ || !watch()) conclude(recognise_at_last(seen));
  }

  bool watch() {
    if (!watching_) {
      watching_ = arrival_.loop().watch(arrival_.descriptor(), Interest::read, *this);
    }
    return watching_;
  }

  void stop_watching() {
    if (!watching_) return;
    watching_ = false;
    arrival_.loop().unwatch(arrival_.descriptor(), *this);
  }

  // The last thing done: whoever hears of it destroys us.
  void conclude(Greeting greeting) {
    stop_watching();
    limit_.disarm();
    events_.on_greeting(std::move(greeting));
  }

  Arrival& arrival_;
  GreetingEvents& events_;
  Timer limit_;
  bool watching_ = false;
  bool hung_up_ = false;
};

}  // namespace

std::unique_ptr<Recognition> Recognition::start(Arrival& arrival, Duration at_most,
                                                GreetingEvents& events) {
  return std::make_unique<Looking>(arrival, at_most, events);
}

}  // namespace weir::net
