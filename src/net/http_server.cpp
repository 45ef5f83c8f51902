#include "weir/net/http_server.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>

#include "net/http_request.h"
#include "weir/net/channel.h"

namespace weir::net {

// One client. What happens is looked at from wake(), where the session may also end itself.
class HttpServer::Session final : private ChannelEvents, private Wakeable {
 public:
  Session(HttpServer& server, std::unique_ptr<Transport> transport)
      : server_(server),
        timer_(*this),
        channel_(std::move(transport), server.loop_.scheduler().ready(), *this) {
    limit(server_.limits_.idle);
  }

 private:
  enum class State : std::uint8_t {
    idle,      // between requests
    head,      // part of a head has arrived
    body,      // head_ is complete
    answering  // the last response waits for the client to take it, then the session ends
  };

  void on_input() override { server_.loop_.scheduler().schedule(*this); }
  void on_drained() override { server_.loop_.scheduler().schedule(*this); }

  void limit(Duration duration) { server_.loop_.scheduler().arm_in(timer_, duration); }

  void wake() override {
    while (!finished() && !channel_.blocked() && step()) {
    }
    if (finished()) server_.remove(*this);  // and this is gone
  }

  bool finished() const {
    if (timer_.fired() || channel_.output_broken()) return true;
    if (state_ == State::answering) return !channel_.blocked();
    return channel_.input_state() != Channel::Input::open && channel_.input().empty();
  }

  // True when there may be more to do at once.
  bool step() {
    switch (state_) {
      case State::idle:
        if (channel_.input().empty()) return false;
        state_ = State::head;
        limit(server_.limits_.request);
        return true;
      case State::head: return take_head();
      case State::body: return take_body();
      case State::answering: return false;
    }
    return false;
  }

  bool take_head() {
    const std::string_view input{channel_.input().data(), channel_.input().size()};
    const auto end = input.find("\r\n\r\n");
    if (std::min(end, input.size()) > server_.limits_.head.value) return refuse(431);
    if (end == std::string_view::npos) {
      if (channel_.input_state() != Channel::Input::open || !channel_.read_more()) {
        return refuse(400);
      }
      return false;
    }
    auto read = read_http_head(input.substr(0, end));
    if (const int* status = std::get_if<int>(&read)) return refuse(*status);
    head_ = std::get<HttpHead>(std::move(read));
    if (head_.body_length > server_.limits_.body.value) return refuse(413);
    channel_.consume(end + 4);
    state_ = State::body;
    if (head_.request.field("expect") == "100-continue") {
      channel_.output() += "HTTP/1.1 100 Continue\r\n\r\n";
      channel_.flush();
    }
    return true;
  }

  bool take_body() {
    std::string& body = head_.request.body;
    const auto input = channel_.input();
    const std::size_t count = std::min<std::size_t>(input.size(), head_.body_length - body.size());
    body.append(input.data(), count);
    channel_.consume(count);
    if (body.size() < head_.body_length) {
      return channel_.input_state() == Channel::Input::open ? false : refuse(400);
    }
    answer(server_.handler_(head_.request));
    return true;
  }

  bool refuse(int status) {
    head_.keep_alive = false;
    answer({.status = status, .body = fmt::format("{}\n", http_reason(status)), .fields = {}});
    return true;
  }

  void answer(const HttpResponse& response) {
    auto out = std::back_inserter(channel_.output());
    fmt::format_to(out, "HTTP/1.1 {} {}\r\nContent-Length: {}\r\nContent-Type: {}\r\n",
                   response.status, http_reason(response.status), response.body.size(),
                   response.content_type);
    for (const auto& [name, value] : response.fields)
      fmt::format_to(out, "{}: {}\r\n", name, value);
    channel_.output() += head_.keep_alive ? "\r\n" : "Connection: close\r\n\r\n";
    if (head_.request.method != "HEAD") channel_.write(response.body);
    channel_.flush();
    if (head_.keep_alive) {
      state_ = State::idle;
      limit(channel_.blocked() ? server_.limits_.response : server_.limits_.idle);
    } else {
      state_ = State::answering;
      limit(server_.limits_.response);
      channel_.finish_output();
    }
    head_ = {};
    channel_.rest();
  }

  HttpServer& server_;
  Timer timer_;
  Channel channel_;
  State state_ = State::idle;
  HttpHead head_;
};

HttpServer::HttpServer(Loop& loop, ListeningSocket socket, HttpHandler handler, HttpLimits limits)
    : loop_(loop),
      handler_(std::move(handler)),
      limits_(limits),
      listener_(loop, std::move(socket), *this) {}

HttpServer::~HttpServer() = default;

void HttpServer::on_accept(Arrival arrival) {
  if (sessions_.size() >= limits_.connections) return;
  auto transport = std::move(arrival).plain();
  if (!transport) return;
  sessions_.push_back(std::make_unique<Session>(*this, std::move(transport)));
}

void HttpServer::remove(Session& session) {
  std::erase_if(sessions_, [&](const auto& one) { return one.get() == &session; });
}

}  // namespace weir::net
