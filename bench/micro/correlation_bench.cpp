// What correlation costs per request: entering, being found and leaving, and the fields read and
// written for it.
#include <benchmark/benchmark.h>

#include <deque>
#include <string>

#include "weir/proxy/correlation.h"

namespace {

using weir::proxy::Ancestry;
using weir::proxy::Causes;
using weir::proxy::Correlation;
using weir::proxy::Correlator;
using weir::proxy::InboundRequest;

constexpr weir::Instant now{std::chrono::hours{1}};

class NoMailbox final : public weir::Mailbox {
 public:
  void post(std::function<void()> /*task*/) override {}
};

struct Nobody final : weir::Wakeable {
  void wake() override {}
};

// Two workers and some requests that are in flight anyway.
struct Process {
  Process() {
    for (std::uint64_t number = 1; number <= 500; ++number) {
      others.emplace_back(nobody).enter(inbound, {.trace = {9, number}, .span = {number}}, {});
    }
  }
  NoMailbox mailbox;
  Nobody nobody;
  weir::ReadyQueue ready;
  Correlation table;
  Correlator& inbound = table.join(mailbox, ready);
  Correlator& outbound = table.join(mailbox, ready);
  std::deque<InboundRequest> others;
};

void enter_find_and_leave(benchmark::State& state) {
  Process process;
  Nobody nobody;
  const std::string request_id = "5f0c3a52-6c1e-4a55-9d5c-0d5b3f7a9e11";
  std::uint64_t number = 0;
  for (auto _ : state) {
    ++number;
    Ancestry ancestry{.trace = {1, number}, .span = {number}, .request_id = request_id};
    InboundRequest request{nobody};
    request.enter(process.inbound, ancestry, {});
    if (state.range(0) == 0) ancestry.id = request.id();
    if (state.range(0) == 2) ancestry = {.trace = ancestry.trace, .span = {number + 1}};
    Causes causes{process.outbound, nobody};
    causes.find(ancestry, now);
    if (causes.source() == weir::telemetry::CauseSource::none) state.SkipWithError("not found");
    causes.release();
    request.leave(InboundRequest::End::completed, now);
  }
}
BENCHMARK(enter_find_and_leave)->Arg(0)->Arg(1)->Arg(2)->ArgName("exact_span_trace");

void enter_find_and_go(benchmark::State& state) {
  Process process;
  Nobody nobody;
  std::uint64_t number = 0;
  for (auto _ : state) {
    ++number;
    InboundRequest request{nobody};
    request.enter(process.inbound, {.trace = {1, number}, .span = {number}}, {});
    Causes causes{process.outbound, nobody};
    causes.find({.id = request.id()}, now);
    request.leave(InboundRequest::End::gone, now);
  }
}
BENCHMARK(enter_find_and_go);

void fill(weir::http::Fields& fields) {
  fields.clear();
  fields.add("user-agent", "bench");
  fields.add("accept", "*/*");
  fields.add("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
  fields.add("tracestate", "other=00f067aa0ba902b7");
}

// What the two below contain of it.
void fields_alone(benchmark::State& state) {
  weir::http::Fields fields;
  for (auto _ : state) fill(fields);
}
BENCHMARK(fields_alone);

void fields_of_an_inbound_request(benchmark::State& state) {
  weir::policy::Listener listener;
  weir::Random random{1};
  weir::http::Fields fields;
  for (auto _ : state) {
    fill(fields);
    benchmark::DoNotOptimize(weir::proxy::adopt_ancestry(fields, listener, random));
    weir::proxy::write_cause(fields, {1, 2, 3});
  }
}
BENCHMARK(fields_of_an_inbound_request);

void fields_of_an_outbound_request(benchmark::State& state) {
  weir::http::Fields fields;
  const auto member = weir::proxy::CauseId{1, 2, 3}.member();
  const std::string carried{member.data(), member.size()};
  for (auto _ : state) {
    fill(fields);
    fields.set(weir::http::Name::tracestate, carried);
    benchmark::DoNotOptimize(weir::proxy::read_ancestry(fields));
    weir::proxy::remove_cause(fields);
  }
}
BENCHMARK(fields_of_an_outbound_request);

}  // namespace
