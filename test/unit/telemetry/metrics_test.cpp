#include "weir/telemetry/metrics.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <thread>

#include "sample_record.h"
#include "scrape_lines.h"
#include "support/repository.h"
#include "weir/http/grpc.h"

namespace weir::telemetry {
namespace {

using resilience::Failure;

TEST(Metrics, counts_a_saved_exchange) {
  Metrics metrics{"0.1.0"};
  WorkerMetrics& worker = metrics.add_worker();
  worker.exchange_started(Direction::outbound);
  worker.exchange_started(Direction::outbound);
  worker.record(sample_record());
  worker.exchange_ended(Direction::outbound);
  const std::string text = metrics.scrape(Exposition::prometheus);
  const std::string exchange = R"({direction="outbound",route="catalog-v1",upstream="catalog")";
  for (const std::string& line : {
           "weir_requests_total" + exchange + R"(,version="v1",status="2xx",failure="none"} 1)",
           "weir_request_duration_seconds_count" + exchange + "} 1",
           "weir_request_duration_seconds_bucket" + exchange + R"(,le="0.05"} 0)",
           "weir_request_duration_seconds_bucket" + exchange + R"(,le="0.1"} 1)",
           "weir_response_body_bytes_total" + exchange + "} 1024",
           std::string{R"(weir_attempts_total{upstream="catalog",version="v1",outcome="5xx"} 1)"},
           std::string{R"(weir_attempts_total{upstream="catalog",version="v1",outcome="2xx"} 1)"},
           std::string{R"(weir_failovers_total{upstream="catalog",result="success"} 1)"},
           std::string{R"(weir_upstream_connections_reused_total{upstream="catalog"} 1)"},
           std::string{R"(weir_budget_source_total{direction="outbound",source="route"} 1)"},
           std::string{R"(weir_exchanges_in_flight{direction="outbound"} 1)"},
           std::string{R"(weir_build_info{version="0.1.0"} 1)"},
       }) {
    EXPECT_TRUE(has_line(text, line));
  }
}

TEST(Metrics, counts_what_went_wrong) {
  Metrics metrics{"0.1.0"};
  WorkerMetrics& worker = metrics.add_worker();
  Record record = sample_record();
  record.attempt_count = 1;
  record.attempts[0] = {.failure = Failure::connect_refused};
  record.failure = Failure::connect_refused;
  record.status = 502;
  record.failover_refused = resilience::Refusal::no_tokens;
  record.attempts[0].unproductive = Unproductive::caller_gone;
  record.attempts[0].sunk = std::chrono::milliseconds{1500};
  record.malformed_grants = 3;
  record.grpc_status = 14;
  worker.record(record);
  Record expired;
  expired.failure = Failure::expired_on_arrival;
  expired.direction = Direction::inbound;
  expired.status = 504;
  worker.record(expired);
  worker.malformed_request(Direction::inbound, "two_hosts");
  worker.downstream_opened(Direction::inbound);
  worker.downstream_closed(Direction::inbound, Closed::error);
  worker.upstream_opened("catalog");
  worker.upstream_opened("catalog");
  worker.upstream_closed("catalog", Closed::idle);
  metrics.reloaded(ReloadResult::success, 1);
  metrics.reloaded(ReloadResult::failure, 1);
  const std::string text = metrics.scrape(Exposition::prometheus);
  for (const char* line : {
           R"(weir_attempts_total{upstream="catalog",version="",outcome="connect_refused"} 1)",
           R"(weir_failover_refused_total{upstream="catalog",reason="no_tokens"} 1)",
           R"(weir_failover_refused_total{upstream="catalog",reason="no_time"} 0)",
           R"(weir_unproductive_seconds_total{direction="outbound",upstream="catalog",)"
           R"(reason="caller_gone",work="cut_short"} 1.5)",
           R"(weir_malformed_grants_total{direction="outbound"} 3)",
           R"(weir_grpc_responses_total{upstream="catalog",grpc_status="14"} 1)",
           R"(weir_expired_requests_total{direction="inbound"} 1)",
           R"(weir_malformed_requests_total{direction="inbound",reason="two_hosts"} 1)",
           R"(weir_downstream_connections{direction="inbound"} 0)",
           R"(weir_downstream_connections_closed_total{direction="inbound",reason="error"} 1)",
           R"(weir_upstream_connections{upstream="catalog"} 1)",
           R"(weir_upstream_connections_closed_total{upstream="catalog",reason="idle"} 1)",
           R"(weir_config_generation 1)",
           R"(weir_config_last_reload_successful 0)",
           R"(weir_config_reloads_total{result="failure"} 1)",
       }) {
    EXPECT_TRUE(has_line(text, line));
  }
  const Totals totals = metrics.totals();
  EXPECT_EQ(totals.requests, 2U);
  EXPECT_EQ(totals.failures, 2U);
  EXPECT_EQ(totals.failovers_refused, 1U);
  EXPECT_EQ(totals.expired, 1U);
  EXPECT_EQ(totals.upstream_connections, 1U);
  EXPECT_DOUBLE_EQ(totals.unproductive_seconds, 1.5);
}

TEST(Metrics, counts_the_attempt_of_a_fallback_where_it_was_made) {
  Metrics metrics{"0.1.0"};
  Record record = sample_record();
  record.attempts[1].upstream = "archive";
  record.fallback = true;
  metrics.add_worker().record(record);
  const std::string text = metrics.scrape(Exposition::prometheus);
  EXPECT_TRUE(
      has_line(text, R"(weir_attempts_total{upstream="archive",version="v1",outcome="2xx"} 1)"));
  EXPECT_TRUE(has_line(text, R"(weir_failovers_total{upstream="catalog",result="success"} 0)"));
  EXPECT_TRUE(has_line(text, R"(weir_failovers_total{upstream="catalog",result="failure"} 0)"));
  EXPECT_EQ(metrics.totals().fallbacks, 1U);
}

Record grpc_record(std::string_view target, std::optional<std::uint8_t> status) {
  Record record = sample_record();
  record.grpc = true;
  record.target = target;
  record.grpc_status = status;
  return record;
}

TEST(Metrics, counts_grpc_calls_by_method) {
  Metrics metrics{"0.1.0"};
  WorkerMetrics& worker = metrics.add_worker();
  worker.record(grpc_record("/shop.Stock/Get", 0));
  worker.record(grpc_record("/shop.Stock/Get", 5));
  worker.record(grpc_record("/shop.Stock/Get", 99));
  worker.record(grpc_record("/shop.Stock/Get", 12));  // known by now
  Record gone = grpc_record("/shop.Stock/Get", std::nullopt);
  gone.failure = Failure::caller_gone;
  worker.record(gone);
  worker.record(sample_record());  // no gRPC
  const std::string text = metrics.scrape(Exposition::prometheus);
  const std::string method =
      R"({direction="outbound",upstream="catalog",grpc_service="shop.Stock",grpc_method="Get")";
  for (const char* status : {"0", "5", "12", "other", "none"}) {
    EXPECT_TRUE(
        has_line(text, "weir_grpc_requests_total" + method + ",grpc_status=\"" + status + "\"} 1"));
  }
  EXPECT_TRUE(has_line(text, "weir_grpc_request_duration_seconds_count" + method + "} 5"));
  EXPECT_EQ(text.find("grpc_service=\"other\""), std::string::npos);
}

TEST(Metrics, let_no_caller_invent_series) {
  Metrics metrics{"0.1.0"};
  WorkerMetrics& worker = metrics.add_worker();
  const std::string longest(http::GrpcMethod::longest, 'a');
  std::vector<Record> strange{
      grpc_record("/a.B/Unimplemented", 12),
      grpc_record("/a.B/Forbidden", 7),
      grpc_record("/a.B/Unknown", 16),
      grpc_record("/a.B/Silent", std::nullopt),
      grpc_record("/a.B/C?d=e", 0),
      grpc_record("/a.B", 0),
      grpc_record("a.B/C", 0),
      grpc_record("/a.B/C/D", 0),
      grpc_record("//C", 0),
      grpc_record("/a.B/", 0),
      grpc_record("/a\"B/C", 0),
      grpc_record("/a.B/\xc3\xa9", 0),
  };
  const std::string too_long = "/a.B/" + longest + "a";
  strange.push_back(grpc_record(too_long, 0));
  Record ours = grpc_record("/a.B/Refused", 14);
  ours.failure = Failure::breaker_open;
  strange.push_back(ours);
  Record fallback = grpc_record("/a.B/Fallback", 0);
  fallback.fallback = true;
  strange.push_back(fallback);
  Record unasked = grpc_record("/a.B/Unasked", 0);
  unasked.attempt_count = 0;
  strange.push_back(unasked);
  for (const Record& record : strange) worker.record(record);
  const std::string target = "/a.B/" + longest;
  worker.record(grpc_record(target, 0));
  const std::string text = metrics.scrape(Exposition::prometheus);
  const std::string start =
      R"(weir_grpc_request_duration_seconds_count{direction="outbound",upstream="catalog",)";
  EXPECT_TRUE(has_line(text, start + R"(grpc_service="other",grpc_method="other"} )" +
                                 std::to_string(strange.size())));
  EXPECT_TRUE(has_line(text, start + R"(grpc_service="a.B",grpc_method=")" + longest + R"("} 1)"));
  EXPECT_TRUE(has_line(text, "weir_series_overflow_total 0"));
}

TEST(Metrics, give_series_of_their_own_to_two_hundred_grpc_methods) {
  Metrics metrics{"0.1.0"};
  WorkerMetrics& worker = metrics.add_worker();
  for (int round = 0; round < 2; ++round) {
    for (int number = 0; number < 300; ++number) {
      const std::string target = "/a.B/M" + std::to_string(number);
      worker.record(grpc_record(target, 0));
    }
  }
  const std::string text = metrics.scrape(Exposition::prometheus);
  const std::string start = R"(weir_grpc_requests_total{direction="outbound",upstream="catalog",)";
  EXPECT_TRUE(
      has_line(text, start + R"(grpc_service="a.B",grpc_method="M199",grpc_status="0"} 2)"));
  EXPECT_TRUE(
      has_line(text, start + R"(grpc_service="other",grpc_method="other",grpc_status="0"} 200)"));
  EXPECT_TRUE(has_line(text, "weir_series_overflow_total 200"));
}

TEST(Metrics, count_floods_and_resets) {
  Metrics metrics{"0.1.0"};
  WorkerMetrics& worker = metrics.add_worker();
  worker.downstream_flood(Direction::inbound, "resets");
  worker.downstream_flood(Direction::inbound, "resets");
  worker.upstream_flood("catalog", "settings");
  worker.upstream_reset_sent("catalog");
  const std::string text = metrics.scrape(Exposition::prometheus);
  for (const char* line : {
           R"(weir_downstream_floods_total{direction="inbound",reason="resets"} 2)",
           R"(weir_downstream_floods_total{direction="inbound",reason="settings"} 0)",
           R"(weir_upstream_floods_total{upstream="catalog",reason="settings"} 1)",
           R"(weir_upstream_resets_sent_total{upstream="catalog"} 1)",
       }) {
    EXPECT_TRUE(has_line(text, line));
  }
}

TEST(Metrics, adds_the_workers_up_while_they_count) {
  Metrics metrics{"0.1.0"};
  constexpr int each = 2000;
  std::vector<std::thread> threads;
  for (int index = 0; index < 2; ++index) {
    threads.emplace_back([&worker = metrics.add_worker()] {
      Record record = sample_record();
      for (int count = 0; count < each; ++count) {
        const std::string route = "route-" + std::to_string(count % 300);
        record.route = route;
        worker.record(record);
      }
    });
  }
  std::uint64_t seen = 0;
  for (int scrape = 0; scrape < 20; ++scrape) {
    const std::uint64_t now = metrics.totals().requests;
    EXPECT_GE(now, seen);
    seen = now;
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(metrics.totals().requests, 2U * each);
}

TEST(Metrics, joins_label_sets_beyond_the_limit_under_other) {
  Metrics metrics{"0.1.0", 3};
  WorkerMetrics& worker = metrics.add_worker();
  Record record = sample_record();
  for (const char* route : {"a", "b", "c", "d", "e", "a"}) {
    record.route = route;
    worker.record(record);
  }
  const std::string text = metrics.scrape(Exposition::prometheus);
  EXPECT_TRUE(has_line(text, R"(weir_requests_total{direction="outbound",route="other",)"
                             R"(upstream="other",version="other",status="2xx",failure="none"} 2)"));
  EXPECT_TRUE(has_line(text, R"(weir_requests_total{direction="outbound",route="a",)"
                             R"(upstream="catalog",version="v1",status="2xx",failure="none"} 2)"));
  EXPECT_TRUE(has_line(text, "weir_series_overflow_total 2"));
}

TEST(Metrics, asks_its_sources_at_every_scrape) {
  Metrics metrics{"0.1.0"};
  double waiting = 1;
  metrics.add_source([&waiting] {
    return std::vector<Sample>{{Family::bulkhead_waiting, {"a\"b\\\n"}, waiting}};
  });
  const std::string line = R"(weir_bulkhead_waiting{upstream="a\"b\\\n"} )";
  EXPECT_TRUE(has_line(metrics.scrape(Exposition::prometheus), line + "1"));
  waiting = 2;
  EXPECT_TRUE(has_line(metrics.scrape(Exposition::openmetrics), line + "2.0"));
}

TEST(Metrics, writes_openmetrics) {
  Metrics metrics{"0.1.0"};
  metrics.add_worker().record(sample_record());
  const std::string text = metrics.scrape(Exposition::openmetrics);
  for (const char* line : {
           "# TYPE weir_requests counter",
           "# TYPE weir_unproductive_seconds counter",
           "# UNIT weir_unproductive_seconds seconds",
           "# TYPE weir_request_duration_seconds histogram",
           R"(weir_hedges_total{upstream="catalog",result="success"} 0.0)",
           R"(weir_attempt_duration_seconds_bucket{upstream="catalog",version="v1",le="1.0"} 2.0)",
           R"(weir_attempt_duration_seconds_bucket{upstream="catalog",version="v1",le="+Inf"} 2.0)",
       }) {
    EXPECT_TRUE(has_line(text, line));
  }
  EXPECT_TRUE(text.ends_with("\n# EOF\n"));
  EXPECT_EQ(text.find("\n# EOF\n"), text.size() - 7);
}

TEST(Metrics, gives_openmetrics_to_who_asks_for_it) {
  const std::pair<std::string_view, Exposition> cases[] = {
      {"", Exposition::prometheus},
      {"*/*", Exposition::prometheus},
      {"text/plain", Exposition::prometheus},
      {"application/openmetrics-text;version=1.0.0,text/plain;q=0.5", Exposition::openmetrics},
      {"text/plain, application/openmetrics-text; q=0.2", Exposition::openmetrics},
      {"application/openmetrics-text;q=0, */*", Exposition::prometheus},
  };
  for (const auto& [accept, exposition] : cases) EXPECT_EQ(negotiate(accept), exposition) << accept;
}

// The reference lists each metric as "| `name` | kind | labels | ...".
TEST(Metrics, are_all_in_the_reference_and_nothing_else_is) {
  const auto path = repository() / "docs/metrics.md";
  std::ifstream file{path};
  ASSERT_TRUE(file) << path;
  const std::regex row{R"(^\| `((?:weir|process)_\w+)` \| (\w+) \| ([^|]*) \|.*)"};
  std::set<std::string> documented;
  for (std::string line; std::getline(file, line);) {
    std::smatch match;
    if (!std::regex_match(line, match, row)) continue;
    documented.insert(match.str(1) + " " + match.str(2) + " " + match.str(3));
  }
  std::set<std::string> counted;
  for (std::size_t index = 0; index < family_count; ++index) {
    const FamilyFacts& facts = facts_of(static_cast<Family>(index));
    std::string labels = std::regex_replace(std::string{facts.labels}, std::regex{","}, ", ");
    if (labels.empty()) labels = "none";
    counted.insert(std::string{facts.name} + " " + std::string{name_of(facts.kind)} + " " + labels);
  }
  EXPECT_EQ(documented, counted);
}

TEST(Metrics, callers_are_named_up_to_a_limit) {
  Metrics metrics{"1"};
  WorkerMetrics& worker = metrics.add_worker();
  Record record;
  for (int index = 0; index < 150; ++index) {
    const std::string caller = "spiffe://example.org/" + std::to_string(index);
    record.caller = caller;
    record.authorization = AuthorizationVerdict::denied;
    worker.record(record);
  }
  record.caller = {};
  record.authorization = AuthorizationVerdict::allowed;
  worker.record(record);
  const std::string text = metrics.scrape(Exposition::prometheus);
  EXPECT_NE(
      text.find(
          "weir_authorization_total{caller=\"spiffe://example.org/99\",verdict=\"denied\"} 1"),
      std::string::npos);
  EXPECT_EQ(text.find("spiffe://example.org/100"), std::string::npos);
  EXPECT_NE(text.find("weir_authorization_total{caller=\"other\",verdict=\"denied\"} 50"),
            std::string::npos);
  EXPECT_NE(text.find("weir_authorization_total{caller=\"other\",verdict=\"allowed\"} 1"),
            std::string::npos);
}

TEST(Metrics, that_the_dashboard_and_the_alerts_use_exist) {
  std::set<std::string> known;
  for (std::size_t index = 0; index < family_count; ++index) {
    const FamilyFacts& facts = facts_of(static_cast<Family>(index));
    const char* suffix = facts.kind == MetricKind::histogram ? "_bucket" : "";
    known.insert(std::string{facts.name} + suffix);
  }
  const std::regex name{R"(\b(?:weir|process)_\w+)"};
  for (const char* path : {"config/grafana.json", "config/alerts.yaml"}) {
    std::ifstream file{repository() / path};
    ASSERT_TRUE(file) << path;
    std::ostringstream text;
    text << file.rdbuf();
    const std::string content = text.str();
    for (std::sregex_iterator match{content.begin(), content.end(), name}, end; match != end;
         ++match) {
      EXPECT_TRUE(known.contains(match->str())) << match->str() << " in " << path;
    }
  }
}

TEST(Family, keeps_to_the_conventions) {
  std::set<std::string_view> names;
  for (std::size_t index = 0; index < family_count; ++index) {
    const FamilyFacts& facts = facts_of(static_cast<Family>(index));
    EXPECT_TRUE(names.insert(facts.name).second) << facts.name;
    EXPECT_EQ(facts.kind == MetricKind::counter, facts.name.ends_with("_total")) << facts.name;
    EXPECT_TRUE(facts.help.ends_with('.')) << facts.name;
  }
}

}  // namespace
}  // namespace weir::telemetry
