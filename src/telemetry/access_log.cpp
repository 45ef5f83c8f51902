#include "weir/telemetry/access_log.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <future>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "log_output.h"
#include "log_ring.h"
#include "series_table.h"
#include "weir/telemetry/log_line.h"

namespace weir::telemetry {
namespace {

constexpr int nap_ms = 5;                   // how long lines gather while there is traffic
constexpr std::size_t batch = 64UL * 1024;  // or until so many bytes wait
constexpr int recheck_ms = 50;              // how often a stuck output is reconsidered
constexpr int quiet_naps = 4;  // naps without a line before the writer sleeps until it is rung

enum class Mode : std::uint8_t { off, json, text };
// Where the output stands. A line that was cut off has its rest skipped, which would be unreadable
// in the next file.
enum class Place : std::uint8_t { start, inside, skipping };
enum class Rest : std::uint8_t { awake, napping, asleep };

// The writer's bell. Ringing costs a system call, so producers ring only a writer that sleeps, or
// one that naps while a batch waits: what is written soon is still in the cache.
class Bell {
 public:
  Bell() : descriptor_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  Bell(const Bell&) = delete;
  Bell& operator=(const Bell&) = delete;
  ~Bell() { close(descriptor_); }

  void ring() const {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t ignored = write(descriptor_, &one, sizeof one);
  }

  // Producer, after it has published a line.
  void line_waits(LogRing& lines) {
    // LogRing's head and rest_ are sequentially consistent: either we see here that the writer
    // rests, or the writer, which looks at the ring after saying so, sees our line.
    Rest rest = rest_.load();
    const bool due = rest == Rest::asleep || (rest == Rest::napping && lines.size() >= batch);
    if (due && rest_.compare_exchange_strong(rest, Rest::awake)) ring();
  }

  // Writer: returns when rung, when the time is over, or at once when `work_waits` says so.
  template <class WorkWaits>
  void rest(Rest how, WorkWaits work_waits) {
    rest_.store(how);
    if (how == Rest::napping || !work_waits()) {
      pollfd bell{descriptor_, POLLIN, 0};
      poll(&bell, 1, how == Rest::napping ? nap_ms : -1);
    }
    rest_.store(Rest::awake);
    std::uint64_t rung = 0;
    [[maybe_unused]] const ssize_t ignored = read(descriptor_, &rung, sizeof rung);
  }

 private:
  int descriptor_;
  std::atomic<Rest> rest_{Rest::awake};
};

}  // namespace

struct LogProducer::Lane {
  Lane(std::size_t capacity, const std::atomic<Mode>& log_mode, Bell& writer_bell)
      : ring(capacity), mode(log_mode), bell(writer_bell) {}

  LogRing ring;
  const std::atomic<Mode>& mode;
  Bell& bell;
  Count lines;
  Count dropped;
  LineFormatter formatter;
  std::array<char, LineFormatter::capacity> scratch;
};

void LogProducer::write(const Record& record) {
  const Mode mode = lane_.mode.load(std::memory_order_relaxed);
  if (mode == Mode::off) return;
  const auto format = mode == Mode::json ? policy::LogFormat::json : policy::LogFormat::text;
  const std::size_t size = lane_.formatter.format(record, format, lane_.scratch);
  if (!lane_.ring.push({lane_.scratch.data(), size})) return lane_.dropped.add();
  lane_.lines.add();
  lane_.bell.line_waits(lane_.ring);
}

struct AccessLog::Core {
  struct Worker {
    Worker(std::size_t capacity, Core& core) : lane(capacity, core.mode, core.bell) {}
    LogProducer::Lane lane;
    LogProducer producer{lane};
  };

  explicit Core(Bytes ring) : ring_size(std::max<std::size_t>(ring.value, kibibytes(64).value)) {}

  void run();
  bool drain(LogOutput& output);
  std::size_t write_all(LogOutput& output, std::string_view bytes);
  bool wait_until_writable(const LogOutput& output);
  std::optional<LogOutput> take_next_output();
  std::vector<Worker*> current_workers();
  bool lines_wait();
  bool out_of_time() const;
  std::expected<void, std::string> hand_over(const std::string& path);

  const std::size_t ring_size;
  std::atomic<Mode> mode{Mode::off};
  Bell bell;
  std::mutex mutex;  // guards what follows; never taken by a producer
  std::vector<std::unique_ptr<Worker>> workers;
  std::optional<LogOutput> next_output;
  std::string path;
  std::thread thread;
  std::future<void> finished;
  bool stopped = false;
  Place place = Place::start;  // the writer's alone
  // What the writer is told without the lock.
  std::atomic<bool> output_changed{false};
  std::atomic<Instant> stop_by{Instant::max()};
  std::atomic<std::uint64_t> write_errors{0};
};

bool AccessLog::Core::out_of_time() const {
  const Instant limit = stop_by.load();
  return limit != Instant::max() && std::chrono::steady_clock::now() >= limit;
}

std::optional<LogOutput> AccessLog::Core::take_next_output() {
  if (!output_changed.exchange(false)) return std::nullopt;
  const std::lock_guard lock{mutex};
  return std::exchange(next_output, std::nullopt);
}

std::vector<AccessLog::Core::Worker*> AccessLog::Core::current_workers() {
  const std::lock_guard lock{mutex};
  std::vector<Worker*> result;
  for (const auto& worker : workers) result.push_back(worker.get());
  return result;
}

bool AccessLog::Core::lines_wait() {
  return output_changed.load() || stop_by.load() != Instant::max() ||
         std::ranges::any_of(current_workers(),
                             [](const Worker* worker) { return !worker->lane.ring.empty(); });
}

// False when the output stays stuck while we are told to stop or to write elsewhere.
bool AccessLog::Core::wait_until_writable(const LogOutput& output) {
  while (!out_of_time() && !output_changed.load()) {
    pollfd writable{output.descriptor(), POLLOUT, 0};
    if (poll(&writable, 1, recheck_ms) > 0) return true;
  }
  return false;
}

// How many bytes are done with: written, or given up for good.
std::size_t AccessLog::Core::write_all(LogOutput& output, std::string_view bytes) {
  std::size_t done = 0;
  if (place == Place::skipping) {
    done = std::min(bytes.find('\n'), bytes.size() - 1) + 1;
    place = bytes[done - 1] == '\n' ? Place::start : Place::skipping;
  }
  while (done < bytes.size()) {
    if (!wait_until_writable(output)) {
      if (place == Place::inside) place = Place::skipping;
      break;
    }
    const auto written = output.write(bytes.substr(done));
    if (written.status == LogOutput::Status::failed) {
      write_errors.fetch_add(1);
      place = bytes.back() == '\n' ? Place::start : Place::skipping;
      return bytes.size();
    }
    if (written.bytes == 0) continue;
    done += written.bytes;
    place = bytes[done - 1] == '\n' ? Place::start : Place::inside;
  }
  return done;
}

bool AccessLog::Core::drain(LogOutput& output) {
  bool any = false;
  for (Worker* worker : current_workers()) {
    for (const std::string_view part : worker->lane.ring.peek()) {
      if (part.empty()) continue;
      any = true;
      const std::size_t done = write_all(output, part);
      worker->lane.ring.pop(done);
      if (done < part.size()) return any;
    }
  }
  return any;
}

void AccessLog::Core::run() {
  LogOutput output;
  for (int quiet = 0;;) {
    if (auto next = take_next_output()) output = std::move(*next);
    const bool stopping = stop_by.load() != Instant::max();
    const bool any = output.is_open() && drain(output);
    if (stopping && (!any || out_of_time())) return;
    quiet = any ? 0 : std::min(quiet + 1, quiet_naps);
    bell.rest(quiet < quiet_naps ? Rest::napping : Rest::asleep, [this] { return lines_wait(); });
  }
}

std::expected<void, std::string> AccessLog::Core::hand_over(const std::string& new_path) {
  auto output = LogOutput::open(new_path);
  if (!output) return std::unexpected(std::move(output.error()));
  const std::lock_guard lock{mutex};
  next_output = std::move(*output);
  path = new_path;
  output_changed.store(true);
  return {};
}

AccessLog::AccessLog(Bytes ring) : core_(std::make_shared<Core>(ring)) {}
AccessLog::~AccessLog() { stop(std::chrono::seconds{1}); }

std::expected<void, std::string> AccessLog::configure(const policy::AccessLog& policy) {
  if (!policy.enabled) {
    core_->mode.store(Mode::off);
    return {};
  }
  if (core_->path != policy.path) {
    if (auto opened = core_->hand_over(policy.path); !opened) return opened;
  }
  core_->mode.store(policy.format == policy::LogFormat::json ? Mode::json : Mode::text);
  if (!core_->thread.joinable() && !core_->stopped) {
    std::promise<void> finished;
    core_->finished = finished.get_future();
    // The writer must get no signals: they belong to the main thread, and a broken pipe is an
    // error of write().
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    core_->thread = std::thread{[core = core_, finished = std::move(finished)]() mutable {
      core->run();
      finished.set_value();
    }};
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }
  core_->bell.ring();
  return {};
}

std::expected<void, std::string> AccessLog::reopen() {
  if (core_->path.empty() || core_->path == "-") return {};
  auto opened = core_->hand_over(core_->path);
  if (opened) core_->bell.ring();
  return opened;
}

LogProducer& AccessLog::add_worker() {
  const std::lock_guard lock{core_->mutex};
  auto& worker =
      core_->workers.emplace_back(std::make_unique<Core::Worker>(core_->ring_size, *core_));
  return worker->producer;
}

void AccessLog::stop(Duration limit) {
  core_->stopped = true;
  if (!core_->thread.joinable()) return;
  core_->stop_by.store(std::chrono::steady_clock::now() + limit);
  core_->bell.ring();
  // A little longer than the writer's own limit: it stops by itself unless a write never returns.
  const auto grace = std::chrono::milliseconds{4 * recheck_ms};
  if (core_->finished.wait_for(limit + grace) == std::future_status::ready) {
    core_->thread.join();
  } else {
    core_->thread.detach();
  }
  core_->mode.store(Mode::off);
}

AccessLog::Counts AccessLog::counts() const {
  const std::lock_guard lock{core_->mutex};
  Counts counts{.write_errors = core_->write_errors.load()};
  for (const auto& worker : core_->workers) {
    counts.lines += worker->lane.lines.value();
    counts.dropped += worker->lane.dropped.value();
  }
  return counts;
}

}  // namespace weir::telemetry
