// One service of a chain: takes a request, works, calls the next service, answers.
//
//   weir_storm_service port=N [next=PORT,PORT...] [host=NAME] [workers=N] [queue=N] [work_ms=N]
//                      [tries=N] [timeout_ms=N] [caller=ignored|noticed] [copies=NAME,NAME...]
//
// It is an ordinary application: a pool of workers with a queue before it, a worker is taken until
// the answer is there, and of the inbound request's fields only `copies` reach the outbound one
// (traceparent with a span of its own, as tracing libraries do). Without `next` it is the leaf.
// Work is waiting, not computing, so that the pool is the limit and not the machine.
//
// `caller=ignored` (the default) is the application that never learns that its caller has closed
// the connection; `noticed` is the one that then stops. `tries` and `timeout_ms` are for a chain
// without proxies: each try goes to the next port, at once.
//
//   GET /healthz           answered beside the pool
//   GET /set?work_ms=N     changes a number while it runs
//   GET /calls             one line per call: ID WORK_US ENDED_US OUTCOME, see Ledger
#include <algorithm>
#include <deque>
#include <random>
#include <string_view>
#include <vector>

#include "loop.h"
#include "text.h"

namespace weir::storm {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

struct Options {
  std::uint16_t port = 0;
  std::vector<std::uint16_t> next;
  std::string host = "next";
  std::size_t workers = 200;
  std::size_t queue = 500;
  milliseconds work{0};
  unsigned tries = 1;
  milliseconds timeout{30'000};
  enum class Caller { ignored, noticed } caller = Caller::ignored;
  std::vector<std::string> copies = {"traceparent", "tracestate"};
};

void set(Options& options, std::string_view setting) {
  const std::size_t equals = std::min(setting.find('='), setting.size() - 1);
  const std::string_view name = setting.substr(0, equals);
  const std::string_view value = setting.substr(equals + 1);
  if (name == "port") {
    options.port = static_cast<std::uint16_t>(number(value));
  } else if (name == "next") {
    for (const std::string& port : split(value, ',')) {
      options.next.push_back(static_cast<std::uint16_t>(number(port)));
    }
  } else if (name == "host") {
    options.host = value;
  } else if (name == "workers") {
    options.workers = number(value);
  } else if (name == "queue") {
    options.queue = number(value);
  } else if (name == "work_ms") {
    options.work = milliseconds{number(value)};
  } else if (name == "tries") {
    options.tries = static_cast<unsigned>(number(value));
  } else if (name == "timeout_ms") {
    options.timeout = milliseconds{number(value)};
  } else if (name == "caller") {
    options.caller = value == "noticed" ? Options::Caller::noticed : Options::Caller::ignored;
  } else if (name == "copies") {
    options.copies = split(value, ',');
  } else {
    std::fprintf(stderr, "unknown setting: %.*s\n", static_cast<int>(name.size()), name.data());
    std::exit(64);
  }
}

// What every call cost and what became of its answer.
struct Entry {
  enum class Outcome : char {
    pending = 'p',   // not finished yet
    answered = 'a',  // written to a connection that was open
    gone = 'g',      // the caller had closed the connection before the answer was there
    refused = 'r',   // the queue was full
  };
  std::string id;
  microseconds work{0};  // how long a worker was taken for it
  Clock::time_point ended;
  Outcome outcome = Outcome::pending;
};

struct Call;

struct Inbound {
  Stream stream;
  std::shared_ptr<Call> call;  // being answered; further requests wait for it
};

// A request from its arrival to its answer.
struct Call {
  enum class State { queued, working, calling, done } state = State::queued;
  std::weak_ptr<Inbound> caller;  // expired when it has closed the connection
  std::string request;            // for the next service
  std::size_t entry = 0;
  Clock::time_point started;
  Loop::Timer timer;
  unsigned tries = 0;
  Stream stream;  // to the next service
  std::uint16_t port = 0;
  enum class Connection { fresh, reused } connection = Connection::fresh;
};

class Service {
 public:
  explicit Service(Options options) : options_(std::move(options)), random_(options_.port) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    const int on = 1;
    setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const sockaddr_in address = loopback(options_.port);
    if (bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      fail("bind");
    }
    if (listen(listener_, 4096) != 0) fail("listen");
    loop_.watch(listener_, [this] { accept_all(); });
  }

  [[noreturn]] void run() { loop_.run(); }

 private:
  void accept_all() {
    while (true) {
      const int descriptor = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK);
      if (descriptor < 0) return;
      no_delay(descriptor);
      auto inbound = std::make_shared<Inbound>();
      inbound->stream.descriptor = descriptor;
      loop_.watch(descriptor, [this, inbound] { serve(inbound); });
    }
  }

  static void no_delay(int descriptor) {
    const int on = 1;
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }

  void serve(const std::shared_ptr<Inbound>& inbound) {
    flush(inbound->stream);
    const End end = read_all(inbound->stream);
    take_requests(inbound);
    if (end == End::open) return;
    if (const auto call = std::exchange(inbound->call, nullptr)) {
      call->caller.reset();
      if (options_.caller == Options::Caller::noticed) stop(call);
    }
    loop_.close(inbound->stream.descriptor);
  }

  void take_requests(const std::shared_ptr<Inbound>& inbound) {
    while (!inbound->call) {
      const std::size_t end = inbound->stream.in.find("\r\n\r\n");
      if (end == std::string::npos) return;
      const std::string head = inbound->stream.in.substr(0, end + 2);
      inbound->stream.in.erase(0, end + 4);
      const std::size_t from = head.find(' ') + 1;
      handle(inbound, head, head.substr(from, head.find(' ', from) - from));
    }
  }

  void handle(const std::shared_ptr<Inbound>& inbound, const std::string& head,
              const std::string& path) {
    if (path == "/healthz") return reply(*inbound, 200, "ok\n");
    if (path == "/calls") return reply(*inbound, 200, ledger_text());
    if (path.starts_with("/set?")) {
      for (const std::string& setting : split(path.substr(5), '&')) set(options_, setting);
      reply(*inbound, 200, "ok\n");
      return start_waiting();
    }
    auto call = std::make_shared<Call>();
    call->caller = inbound;
    call->request = request_for_next(head, path);
    call->entry = ledger_.size();
    ledger_.push_back({.id = path.substr(path.rfind('/') + 1), .work = {}, .ended = {}});
    inbound->call = call;
    if (running_ < options_.workers) return start(call);
    if (queue_.size() < options_.queue) return queue_.push_back(call);
    answer(call, 503, Entry::Outcome::refused);
  }

  std::string request_for_next(const std::string& head, const std::string& path) {
    std::string request = "GET " + path + " HTTP/1.1\r\nHost: " + options_.host + "\r\n";
    for (const std::string_view line : field_lines(head)) {
      const std::string_view name = line.substr(0, line.find(':'));
      if (std::ranges::none_of(options_.copies, [&](auto& copy) { return same(copy, name); })) {
        continue;
      }
      std::string copied{line};
      if (same(name, "traceparent")) renew_span(copied);
      request += copied + "\r\n";
    }
    return request + "\r\n";
  }

  // 00-<trace id>-<span id>-<flags>: the call is a span of its own in the same trace.
  void renew_span(std::string& traceparent) {
    const std::size_t last = traceparent.rfind('-');
    if (last == std::string::npos || last < 17) return;
    for (std::size_t at = last - 16; at < last; ++at) {
      traceparent[at] = "0123456789abcdef"[random_() % 16];
    }
  }

  void start(const std::shared_ptr<Call>& call) {
    ++running_;
    call->state = Call::State::working;
    call->started = Clock::now();
    call->timer = loop_.at(call->started + options_.work, [this, call, work = options_.work] {
      ledger_[call->entry].work = work;
      call->state = Call::State::calling;
      if (options_.next.empty()) return finish(call, 200);
      call->timer = loop_.at(Clock::now(), [this, call] { try_next(call); });
    });
  }

  void start_waiting() {
    while (!queue_.empty() && running_ < options_.workers) {
      const auto next = queue_.front();
      queue_.pop_front();
      start(next);
    }
  }

  void finish(const std::shared_ptr<Call>& call, int status) {
    answer(call, status, call->caller.expired() ? Entry::Outcome::gone : Entry::Outcome::answered);
    --running_;
    start_waiting();
  }

  void answer(const std::shared_ptr<Call>& call, int status, Entry::Outcome outcome) {
    call->state = Call::State::done;
    ledger_[call->entry].ended = Clock::now();
    ledger_[call->entry].outcome = outcome;
    if (const auto inbound = call->caller.lock()) {
      inbound->call = nullptr;
      reply(*inbound, status, status == 200 ? "done\n" : "failed\n");
      // The next request may be here already; it must not be handled inside of this one.
      if (!inbound->stream.in.empty()) {
        loop_.at(Clock::now(), [this, inbound] { take_requests(inbound); });
      }
    }
  }

  static void reply(Inbound& inbound, int status, const std::string& body) {
    inbound.stream.unsent +=
        (status == 200 ? "HTTP/1.1 200 OK\r\n" : "HTTP/1.1 503 Service Unavailable\r\n") +
        std::string("content-type: text/plain\r\ncontent-length: ") + std::to_string(body.size()) +
        "\r\n\r\n" + body;
    flush(inbound.stream);
  }

  // The caller has gone, and this application is one that notices.
  void stop(const std::shared_ptr<Call>& call) {
    if (call->state == Call::State::done) return;
    if (call->state == Call::State::queued) {
      std::erase(queue_, call);
      return answer(call, 503, Entry::Outcome::gone);
    }
    loop_.cancel(call->timer);
    if (call->state == Call::State::working) {
      ledger_[call->entry].work =
          std::chrono::duration_cast<microseconds>(Clock::now() - call->started);
    }
    if (call->stream.descriptor >= 0) loop_.close(call->stream.descriptor);
    finish(call, 503);
  }

  // --- The call to the next service. `timer` is the try's timeout from here on.

  void try_next(const std::shared_ptr<Call>& call) {
    ++call->tries;
    call->port = options_.next[turn_++ % options_.next.size()];
    call->timer = loop_.at(Clock::now() + options_.timeout, [this, call] {
      loop_.close(call->stream.descriptor);
      call->stream = {};
      tried(call, 504, TimerIs::spent);
    });
    connect_next(call);
  }

  void connect_next(const std::shared_ptr<Call>& call) {
    call->stream = {};
    auto& idle = idle_[call->port];
    call->connection = idle.empty() ? Call::Connection::fresh : Call::Connection::reused;
    if (!idle.empty()) {
      call->stream.descriptor = idle.back();
      idle.pop_back();
    } else {
      call->stream.descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
      if (call->stream.descriptor < 0) fail("socket");
      no_delay(call->stream.descriptor);
      const sockaddr_in address = loopback(call->port);
      // A refusal shows itself when the stream is read.
      static_cast<void>(connect(call->stream.descriptor,
                                reinterpret_cast<const sockaddr*>(&address), sizeof address));
    }
    call->stream.unsent = call->request;
    loop_.watch(call->stream.descriptor, [this, call] { hear_next(call); });
    flush(call->stream);
  }

  void hear_next(const std::shared_ptr<Call>& call) {
    flush(call->stream);
    const End end = read_all(call->stream);
    const std::string& in = call->stream.in;
    const std::size_t head_end = in.find("\r\n\r\n");
    if (head_end == std::string::npos) {
      if (end == End::closed) lost(call);
      return;
    }
    const std::string_view head = std::string_view(in).substr(0, head_end);
    const std::string_view length = value_of(head, "content-length");
    if (end == End::open && !length.empty() && in.size() < head_end + 4 + number(length)) return;
    const int status = std::atoi(in.c_str() + std::min(in.find(' '), in.size()));
    const bool keep = end == End::open && !length.empty() && in.starts_with("HTTP/1.1") &&
                      !same(value_of(head, "connection"), "close");
    const int descriptor = std::exchange(call->stream, {}).descriptor;
    if (keep) {
      idle_[call->port].push_back(descriptor);
      loop_.watch(descriptor, [this, descriptor, port = call->port] {
        std::erase(idle_[port], descriptor);
        loop_.close(descriptor);
      });
    } else {
      loop_.close(descriptor);
    }
    tried(call, status, TimerIs::armed);
  }

  // As every client library does, a kept connection that turns out to be closed is replaced.
  void lost(const std::shared_ptr<Call>& call) {
    loop_.close(call->stream.descriptor);
    if (call->connection == Call::Connection::reused && call->stream.in.empty()) {
      return connect_next(call);
    }
    call->stream = {};
    tried(call, 502, TimerIs::armed);
  }

  enum class TimerIs { armed, spent };

  void tried(const std::shared_ptr<Call>& call, int status, TimerIs timer) {
    if (timer == TimerIs::armed) loop_.cancel(call->timer);
    if (status >= 500 && call->tries < options_.tries) return try_next(call);
    finish(call, status == 200 ? 200 : 503);
  }

  std::string ledger_text() const {
    std::string text;
    for (const Entry& entry : ledger_) {
      const auto ended = std::chrono::duration_cast<microseconds>(entry.ended.time_since_epoch());
      text += entry.id + ' ' + std::to_string(entry.work.count()) + ' ' +
              std::to_string(ended.count()) + ' ' + static_cast<char>(entry.outcome) + '\n';
    }
    return text;
  }

  Options options_;
  std::mt19937 random_;
  Loop loop_;
  int listener_ = -1;
  std::size_t running_ = 0;
  std::deque<std::shared_ptr<Call>> queue_;
  std::size_t turn_ = 0;
  std::unordered_map<std::uint16_t, std::vector<int>> idle_;
  std::vector<Entry> ledger_;
};

}  // namespace
}  // namespace weir::storm

int main(int count, char** arguments) {
  weir::storm::Options options;
  for (int index = 1; index < count; ++index) weir::storm::set(options, arguments[index]);
  weir::storm::Service(std::move(options)).run();
}
