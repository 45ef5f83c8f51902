// An HTTP/1.1 service instance for tests: what the path asks for, or the trouble that is ordered.
//
//   weir_peer_instance --port N --control N --name NAME [--address A]
//
// The path says what to answer (peer_answer.h). A second port takes orders and tells what was
// seen:
//   POST /mode/NAME[/N]   ok | 503 | hang | refuse | reset | reset-early | slow/MS | slow-body/MS |
//                         slow-read/KIB_PER_S | close (after each answer, without saying so)
//   GET  /calls           a line of JSON for each request since the last clear
//   POST /clear
// A thread per connection and blocking sockets: this is a peer for tests, not a server.
#include <algorithm>
#include <atomic>
#include <cctype>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>

#include "peer_answer.h"
#include "peer_wire.h"

namespace {

using namespace std::chrono_literals;
using peer::Call;
using peer::Wire;

enum class Mode {
  ok,
  unavailable,
  hang,
  refuse,
  reset,
  reset_early,
  slow,
  slow_body,
  slow_read,
  close
};

struct Options {
  std::uint16_t port = 0;
  std::uint16_t control = 0;
  std::string name = "instance";
  std::string address = "127.0.0.1";
};

class Instance {
 public:
  explicit Instance(Options options) : options_(std::move(options)) {}

  void run() {
    std::thread{[this] { accept_data(); }}.detach();
    const int control = peer::listen_on("127.0.0.1", options_.control);
    while (true) {
      Wire wire{peer::accept_on(control)};
      if (auto call = wire.read_call()) obey(*call, wire);
    }
  }

 private:
  void accept_data() {
    while (true) {
      peer::wait_while([this] { return mode_ == Mode::refuse; });
      listener_ = peer::listen_on(options_.address, options_.port);
      while (true) {
        const int descriptor = peer::accept_on(listener_);
        if (descriptor < 0) break;  // shut down by an order to refuse
        std::thread{[this, descriptor] { serve(descriptor); }}.detach();
      }
      ::close(listener_);
    }
  }

  void serve(int descriptor) {
    Wire wire{descriptor};
    {
      const std::lock_guard guard{mutex_};
      open_.insert(descriptor);
    }
    const std::uint64_t connection = ++connections_;
    while (auto call = wire.read_call(reading_pace())) {
      call->connection = connection;
      const std::size_t index = remember(*call);
      const bool answered = play(*call, wire);
      finish(index, answered);
      if (!answered || call->close || mode_ == Mode::close) break;
    }
    const std::lock_guard guard{mutex_};
    open_.erase(descriptor);
  }

  unsigned reading_pace() const { return mode_ == Mode::slow_read ? argument_.load() : 0; }

  // False when the connection is not to be used again or the caller has gone.
  bool play(const Call& call, Wire& wire) {
    switch (mode_.load()) {
      case Mode::hang:
      case Mode::refuse:
        while ((mode_ == Mode::hang) && !wire.peer_gone(20ms)) {
        }
        return false;
      case Mode::unavailable:
        std::this_thread::sleep_for(1ms);
        return wire.send(peer::plain(503, "broken", options_.name));
      case Mode::reset:
        wire.send(peer::head(200, options_.name) + "content-length: 1024\r\n\r\n" +
                  std::string(512, 'x'));
        wire.reset();
        return false;
      case Mode::reset_early: wire.reset(); return false;
      case Mode::slow:
        if (wire.peer_gone(std::chrono::milliseconds{argument_})) return false;
        break;
      case Mode::slow_body:
        return peer::drip(wire, options_.name, {.pieces = 10, .pause_ms = argument_});
      case Mode::ok:
      case Mode::slow_read:
      case Mode::close: break;
    }
    return peer::answer(call, wire, options_.name);
  }

  std::size_t remember(const Call& call) {
    const std::lock_guard guard{mutex_};
    calls_.push_back(peer::to_json(call));
    return calls_.size() - 1;
  }

  void finish(std::size_t index, bool answered) {
    const std::lock_guard guard{mutex_};
    if (index >= calls_.size()) return;  // cleared meanwhile
    std::string& line = calls_[index];
    line.pop_back();
    line += answered ? ",\"answered\":true}" : ",\"answered\":false}";
  }

  void obey(const Call& call, Wire& wire) {
    if (call.target == "/calls") {
      std::string lines;
      {
        const std::lock_guard guard{mutex_};
        for (const std::string& line : calls_) lines += line + "\n";
      }
      wire.send(peer::plain(200, lines, options_.name));
    } else if (call.target == "/clear") {
      const std::lock_guard guard{mutex_};
      calls_.clear();
      wire.send(peer::plain(200, "", options_.name));
    } else if (call.target.starts_with("/mode/")) {
      const bool known = order(std::string_view{call.target}.substr(6));
      wire.send(peer::plain(known ? 200 : 404, "", options_.name));
    } else {
      wire.send(peer::plain(404, "", options_.name));
    }
  }

  bool order(std::string_view text) {
    static constexpr std::pair<std::string_view, Mode> words[] = {
        {"ok", Mode::ok},
        {"503", Mode::unavailable},
        {"hang", Mode::hang},
        {"refuse", Mode::refuse},
        {"reset", Mode::reset},
        {"reset-early", Mode::reset_early},
        {"slow", Mode::slow},
        {"slow-body", Mode::slow_body},
        {"slow-read", Mode::slow_read},
        {"close", Mode::close}};
    const auto slash = text.find('/');
    const auto* const word =
        std::ranges::find(words, text.substr(0, slash), &std::pair<std::string_view, Mode>::first);
    if (word == std::end(words)) return false;
    argument_ = slash == text.npos
                    ? 0
                    : static_cast<unsigned>(std::stoul(std::string{text.substr(slash + 1)}));
    const Mode before = mode_.exchange(word->second);
    if (word->second == Mode::refuse && before != Mode::refuse) {
      const std::lock_guard guard{mutex_};
      ::shutdown(listener_, SHUT_RDWR);
      for (const int descriptor : open_) ::shutdown(descriptor, SHUT_RDWR);
    }
    return true;
  }

  Options options_;
  std::atomic<Mode> mode_{Mode::ok};
  std::atomic<unsigned> argument_{0};
  std::atomic<int> listener_{-1};
  std::atomic<std::uint64_t> connections_{0};
  std::mutex mutex_;
  std::set<int> open_;
  std::vector<std::string> calls_;
};

}  // namespace

int main(int count, char** arguments) {
  std::signal(SIGPIPE, SIG_IGN);
  Options options;
  for (int index = 1; index + 1 < count; index += 2) {
    const std::string_view name = arguments[index];
    const std::string value = arguments[index + 1];
    if (name == "--port") options.port = static_cast<std::uint16_t>(std::stoul(value));
    if (name == "--control") options.control = static_cast<std::uint16_t>(std::stoul(value));
    if (name == "--name") options.name = value;
    if (name == "--address") options.address = value;
  }
  static Instance instance{std::move(options)};
  instance.run();
}
