// The users of the demo: a steady stream of requests, each with a limit of its own, and what they
// saw of the answers.
#pragma once

#include <cstdint>
#include <deque>
#include <string>

#include "cli/demo_alarm.h"
#include "cli/demo_caller.h"
#include "weir/base/random.h"

namespace weir::cli {

// What users saw within the last seconds, and since the start.
struct TrafficView {
  double per_second = 0;
  double success = 1;  // share of the window's answers, 0 to 1
  Duration median{};
  Duration p99{};
  std::uint64_t asked = 0;  // answered or given up, since the start
  std::uint64_t lost = 0;   // of those: not answered with 200
};

// A sliding window over answers. Its memory is bounded by the rate times the window.
class TrafficWindow {
 public:
  enum class Answer : std::uint8_t { good, lost };

  void record(Instant now, Duration took, Answer answer);
  TrafficView view(Instant now);

  static constexpr Duration length = std::chrono::seconds{5};

 private:
  struct Sample {
    Instant at;
    Duration took;
    Answer answer;
  };
  void forget_before(Instant oldest);

  std::deque<Sample> samples_;
  std::uint64_t asked_ = 0;
  std::uint64_t lost_ = 0;
  Instant first_{};
};

// Open loop: requests are sent when they are due, whether or not earlier ones were answered.
class Traffic {
 public:
  // `rate` is in requests per second, above 0.
  Traffic(net::Loop& loop, const Address& to, std::string host, double rate);

  void start();
  TrafficView view() { return window_.view(loop_.scheduler().now()); }

  // What a user waits at most: more than the budget of the edge, which ends requests before it.
  static constexpr Duration patience = std::chrono::seconds{1};

 private:
  void send();

  net::Loop& loop_;
  std::string host_;
  Duration interval_;
  Instant due_{};
  Random random_;
  TrafficWindow window_;
  Alarm next_;
  HttpCaller caller_;
};

}  // namespace weir::cli
