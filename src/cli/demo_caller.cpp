#include "cli/demo_caller.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "weir/codec/h1_body.h"
#include "weir/codec/h1_head.h"
#include "weir/codec/h1_writer.h"
#include "weir/net/channel.h"

namespace weir::cli {

struct HttpCaller::Call {
  http::RequestHead head;
  Instant began;
  Instant deadline;
  CallDone done;
};

// One connection, with at most one call on it.
class HttpCaller::Line final : private net::ChannelEvents,
                               private net::ConnectEvents,
                               private Wakeable {
 public:
  explicit Line(HttpCaller& owner) : owner_(owner), timer_(*this) {}

  bool idle() const { return !call_; }

  void take(Call call) {
    call_ = std::move(call);
    reused_ = channel_.has_value();
    failed_ = in_body_ = false;
    head_parser_.reset(call_->head.method);
    body_.clear();
    owner_.loop_.scheduler().arm(timer_, call_->deadline);
    if (channel_) {
      send();
    } else {
      connecting_ = owner_.connector_.connect(owner_.to_, *this);
    }
  }

 private:
  enum class Then : std::uint8_t { keep, close };

  void on_connect(std::unique_ptr<net::Transport> transport, net::ConnectError error) override {
    connecting_.reset();
    if (error != net::ConnectError::none || !transport) {
      failed_ = true;
      owner_.loop_.scheduler().schedule(*this);
      return;
    }
    net::ChannelEvents& events = *this;
    channel_.emplace(std::move(transport), owner_.loop_.scheduler().ready(), events);
    send();
  }
  void on_input() override { owner_.loop_.scheduler().schedule(*this); }
  void on_drained() override { owner_.loop_.scheduler().schedule(*this); }

  void send() {
    codec::write_request_head(call_->head, channel_->output());
    channel_->flush();
  }

  void wake() override {
    if (!call_) {  // bytes or an end that nobody waits for
      owner_.remove(*this);
      return;
    }
    if (failed_ || timer_.fired() || channel_->output_broken()) return fail();
    if (!in_body_ && !take_head()) return;
    take_body();
  }

  bool take_head() {
    const auto size = head_parser_.parse(channel_->input());
    if (!size) {
      fail();
      return false;
    }
    if (*size == 0) {
      const bool open = channel_->input_state() == net::Channel::Input::open;
      if (!open || !channel_->read_more()) fail();
      return false;
    }
    channel_->consume(*size);
    decoder_.reset(head_.body);
    in_body_ = true;
    return true;
  }

  void take_body() {
    using State = codec::BodyDecoder::Step::State;
    if (channel_->input_state() != net::Channel::Input::open) decoder_.close();
    while (true) {
      const auto step = decoder_.decode(channel_->input());
      channel_->consume(step.skip);
      if (step.state == State::error) return fail();
      if (step.state == State::need_more) {
        if (!channel_->read_more()) fail();
        return;
      }
      if (step.state == State::end) break;
      body_.append(step.data.data(), step.data.size());
      decoder_.take(step.data.size());
      channel_->consume(step.data.size());
    }
    conclude(head_.status, head_.keep_alive ? Then::keep : Then::close);
  }

  void fail() {
    const bool nothing_came = channel_ && !in_body_ && channel_->input().empty();
    if (reused_ && nothing_came && !timer_.fired()) {
      auto& owner = owner_;
      auto call = std::move(*call_);
      owner.remove(*this);  // and this is gone
      owner.lines_.push_back(std::make_unique<Line>(owner));
      owner.lines_.back()->take(std::move(call));
      return;
    }
    conclude(0, Then::close);
  }

  void conclude(std::uint16_t status, Then then) {
    const auto call = std::move(*call_);
    const CallResult result{.status = status,
                            .body = std::move(body_),
                            .took = std::chrono::steady_clock::now() - call.began};
    call_.reset();
    timer_.disarm();
    if (then == Then::close) owner_.remove(*this);  // and this is gone
    call.done(result);
  }

  HttpCaller& owner_;
  Timer timer_;
  std::unique_ptr<net::Connecting> connecting_;
  std::optional<net::Channel> channel_;
  std::optional<Call> call_;
  http::ResponseHead head_;
  codec::ResponseHeadParser head_parser_{head_};
  codec::BodyDecoder decoder_{http::BodyLength::none()};
  std::string body_;
  bool reused_ = false;
  bool failed_ = false;
  bool in_body_ = false;
};

HttpCaller::HttpCaller(net::Loop& loop, const Address& to)
    : loop_(loop), connector_(loop), to_(to) {}

HttpCaller::~HttpCaller() = default;

void HttpCaller::get(http::RequestHead head, Duration limit, CallDone done) {
  const Instant now = std::chrono::steady_clock::now();
  place({.head = std::move(head), .began = now, .deadline = now + limit, .done = std::move(done)});
}

void HttpCaller::place(Call call) {
  auto line = std::ranges::find_if(lines_, [](const auto& one) { return one->idle(); });
  if (line == lines_.end()) line = lines_.insert(line, std::make_unique<Line>(*this));
  (*line)->take(std::move(call));
}

void HttpCaller::remove(Line& line) {
  std::erase_if(lines_, [&](const auto& one) { return one.get() == &line; });
}

http::RequestHead get_request(std::string_view authority, std::string_view target) {
  http::RequestHead head;
  head.method_text = "GET";
  head.authority = authority;
  head.target = target;
  return head;
}

}  // namespace weir::cli
