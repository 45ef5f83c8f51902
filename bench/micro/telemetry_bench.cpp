// What one exchange's record costs its worker: the goal is well under half a microsecond for the
// metrics, well under one for metrics and log together.
#include <benchmark/benchmark.h>

#include <array>
#include <cstdlib>
#include <memory>

#include "weir/telemetry/log_line.h"
#include "weir/telemetry/telemetry.h"

namespace {

using namespace weir::telemetry;
using std::chrono::milliseconds;

Record typical_record() {
  Record record;
  record.started = std::chrono::system_clock::now();
  record.elapsed = record.first_byte.emplace(milliseconds{3});
  record.downstream = weir::Address::v4({127, 0, 0, 1}, 40112);
  record.method_text = "GET";
  record.authority = "catalog";
  record.target = "/v1/items?page=2&per_page=50";
  record.request_id = "4bf92f3577b34da6a3ce929d0e0e4736";
  record.user_agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)";
  record.route = "catalog-v1";
  record.upstream = "catalog";
  record.version = "v1";
  record.status = 200;
  record.bytes_sent = 1024;
  record.budget = milliseconds{250};
  record.budget_left = milliseconds{247};
  record.attempts[0].endpoint = weir::Address::v4({10, 0, 0, 4}, 8080);
  record.attempts[0].version = "v1";
  record.attempts[0].status = 200;
  record.attempts[0].elapsed = milliseconds{3};
  record.attempts[0].reused_connection = true;
  record.attempt_count = 1;
  return record;
}

void count_a_record(benchmark::State& state) {
  Metrics metrics{"bench"};
  WorkerMetrics& worker = metrics.add_worker();
  const Record record = typical_record();
  for (auto _ : state) worker.record(record);
}
BENCHMARK(count_a_record);

void format_a_line(benchmark::State& state, weir::policy::LogFormat format) {
  LineFormatter formatter;
  auto space = std::make_unique<std::array<char, LineFormatter::capacity>>();
  const Record record = typical_record();
  for (auto _ : state) benchmark::DoNotOptimize(formatter.format(record, format, *space));
}
BENCHMARK_CAPTURE(format_a_line, json, weir::policy::LogFormat::json);
BENCHMARK_CAPTURE(format_a_line, text, weir::policy::LogFormat::text);

// With the writer at work beside it; `dropped` shows how much of the log it could not keep up with.
void record_and_log(benchmark::State& state) {
  Telemetry telemetry{"bench"};
  if (!telemetry.configure({.path = "/dev/null"})) return state.SkipWithError("no /dev/null");
  WorkerTelemetry& worker = telemetry.add_worker();
  const Record record = typical_record();
  for (auto _ : state) worker.record(record);
}
BENCHMARK(record_and_log);

void scrape(benchmark::State& state) {
  Metrics metrics{"bench"};
  WorkerMetrics& worker = metrics.add_worker();
  Record record = typical_record();
  for (int index = 0; index < 50; ++index) {
    const std::string route = "route-" + std::to_string(index);
    record.route = route;
    worker.record(record);
  }
  for (auto _ : state) benchmark::DoNotOptimize(metrics.scrape(Exposition::prometheus));
}
BENCHMARK(scrape)->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
