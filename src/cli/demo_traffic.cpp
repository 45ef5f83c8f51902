#include "cli/demo_traffic.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace weir::cli {

void TrafficWindow::record(Instant now, Duration took, Answer answer) {
  if (asked_ == 0) first_ = now;
  ++asked_;
  if (answer == Answer::lost) ++lost_;
  samples_.push_back({now, took, answer});
  forget_before(now - length);
}

void TrafficWindow::forget_before(Instant oldest) {
  while (!samples_.empty() && samples_.front().at < oldest) samples_.pop_front();
}

TrafficView TrafficWindow::view(Instant now) {
  forget_before(now - length);
  TrafficView view{.asked = asked_, .lost = lost_};
  if (samples_.empty()) return view;
  std::vector<Duration> times;
  times.reserve(samples_.size());
  for (const auto& sample : samples_) times.push_back(sample.took);
  std::ranges::sort(times);
  const auto bad = std::ranges::count(samples_, Answer::lost, &Sample::answer);
  const auto count = static_cast<double>(times.size());
  const Duration covered = std::clamp<Duration>(now - first_, std::chrono::seconds{1}, length);
  view.per_second = count / seconds(covered);
  view.success = 1 - static_cast<double>(bad) / count;
  view.median = times[times.size() / 2];
  view.p99 = times[times.size() * 99 / 100];
  return view;
}

Traffic::Traffic(net::Loop& loop, const Address& to, std::string host, double rate)
    : loop_(loop),
      host_(std::move(host)),
      interval_(std::chrono::duration_cast<Duration>(std::chrono::duration<double>{1 / rate})),
      random_(entropy()),
      next_(loop),
      caller_(loop, to) {}

void Traffic::start() {
  due_ = std::chrono::steady_clock::now();
  send();
}

void Traffic::send() {
  caller_.get(get_request(host_, "/order"), patience, [this](const CallResult& result) {
    const auto answer =
        result.status == 200 ? TrafficWindow::Answer::good : TrafficWindow::Answer::lost;
    window_.record(loop_.scheduler().now(), result.took, answer);
  });
  due_ += random_.jittered(interval_, percent(50));
  next_.set(std::max(due_ - std::chrono::steady_clock::now(), Duration::zero()),
            [this] { send(); });
}

}  // namespace weir::cli
