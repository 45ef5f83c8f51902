#include "weir/admin/pages.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <string>

#include "sample_view.h"

namespace weir::admin {
namespace {

testing::AssertionResult holds_text(const std::string& page, const std::string& part) {
  if (page.find(part) != std::string::npos) return testing::AssertionSuccess();
  return testing::AssertionFailure() << part << " is not in\n" << page;
}

TEST(AdminPage, shows_what_an_operator_asks_first) {
  const std::string page = page_html(sample_view());
  for (const char* part : {"<title>orders · weir</title>",
                           ">ready<",
                           "generation 4",
                           "up 1 d 3 h",
                           "2 workers",
                           "1\u202f283\u202f467",
                           "10.0.0.11:8080",
                           ">ejected<",
                           ">unwell<",
                           "3.2 s",
                           "breaker v2 half_open",
                           "shares add up to 105 %",
                           ">refused<",
                           "attempt 2",
                           "31 ms",
                           "0.0.0.0:15006",
                           "31 late responses",
                           ">99.5 %<",
                           "61 cancelled, 7 refused",
                           "request_id 6.52 % · 41\u202f877"}) {
    EXPECT_TRUE(holds_text(page, part));
  }
}

TEST(AdminPage, lets_no_text_become_markup) {
  const std::string hostile = "<img src=x onerror='alert(1)'>\"&";
  View view = sample_view();
  view.service = {hostile, hostile, hostile};
  view.weir_version = view.phase_reason = view.inbound = view.outbound = hostile;
  auto& upstream = view.upstreams[0];
  upstream.name = upstream.breakers[0].version = hostile;
  upstream.endpoints[0].facts.version = upstream.endpoints[0].facts.zone = hostile;
  upstream.endpoints[0].health = upstream.endpoints[0].checked = hostile;
  auto& exchange = view.in_flight[0];
  exchange.request = exchange.route = exchange.upstream = exchange.state = hostile;
  view.history[0].note = hostile;
  const std::string page = page_html(view);
  EXPECT_EQ(page.find("<img"), std::string::npos);
  EXPECT_EQ(page.find("onerror='"), std::string::npos);
  EXPECT_TRUE(holds_text(page, "&lt;img src=x onerror=&#39;alert(1)&#39;&gt;&quot;&amp;"));
}

TEST(AdminPage, has_nothing_inline_and_nothing_from_elsewhere) {
  const std::string page = page_html(sample_view());
  for (const char* part : {"<style", " style=", "http://", "https://", "onclick"}) {
    EXPECT_EQ(page.find(part), std::string::npos) << part;
  }
  EXPECT_EQ(page.find("<script src=\"page.js\" defer></script>"), page.find("<script"));
}

TEST(AdminPage, stands_without_anything_to_show) {
  const std::string page = page_html({});
  EXPECT_TRUE(holds_text(page, "starting"));
  EXPECT_TRUE(holds_text(page, "No upstream is configured."));
  EXPECT_TRUE(holds_text(page, "Nothing is in flight."));
}

TEST(AdminStatus, is_json_with_the_same_facts) {
  const auto status = boost::json::parse(status_json(sample_view()));
  EXPECT_EQ(status.at("service").at("name"), "orders");
  EXPECT_EQ(status.at("phase"), "ready");
  EXPECT_EQ(status.at("totals").at("requests").to_number<int>(), 1'283'467);
  const auto& totals = status.at("totals");
  EXPECT_EQ(totals.at("late_responses").to_number<int>(), 31);
  EXPECT_EQ(totals.at("causes").at("exact").to_number<int>(), 587'201);
  EXPECT_EQ(totals.at("causes").at("off").to_number<int>(), 412);
  EXPECT_EQ(totals.at("cascaded_cancellations").at("refused").to_number<int>(), 7);
  EXPECT_EQ(totals.at("budget_sources").at("outbound").at("trace").to_number<int>(), 48'102);
  EXPECT_EQ(totals.at("budget_sources").at("inbound").at("default").to_number<int>(), 53'436);
  const auto& catalog = status.at("upstreams").at(0);
  EXPECT_EQ(catalog.at("endpoints").at(2).at("health"), "ejected");
  EXPECT_EQ(catalog.at("endpoints").at(1).at("checked"), "unwell");
  EXPECT_EQ(catalog.at("endpoints").at(2).at("ejected_for_ms").to_number<double>(), 3200);
  EXPECT_EQ(catalog.at("breakers").at(1).at("state"), "half_open");
  EXPECT_EQ(status.at("in_flight").at(1).at("budget_left_ms").to_number<double>(), 31);
  EXPECT_EQ(status.at("history").at(0).at("at"), "2026-10-21T02:30:00Z");
  EXPECT_EQ(status.at("history").at(1).at("result"), "failure");
}

TEST(AdminSamples, give_every_upstream_its_gauges) {
  telemetry::Metrics metrics{"0.1.0"};
  metrics.add_source([] { return samples(sample_view().upstreams); });
  const std::string text = metrics.scrape(telemetry::Exposition::prometheus);
  const std::string ejected =
      R"({upstream="catalog",endpoint="10.0.0.11:8080",version="v2",zone="eu-west-1a"})";
  const std::string unwell =
      R"({upstream="catalog",endpoint="10.0.0.9:8080",version="v1",zone="eu-west-1a"})";
  EXPECT_EQ(text.find("weir_endpoint_well" + ejected), std::string::npos);
  for (const std::string& line :
       {"weir_endpoint_available" + ejected + " 0", "weir_endpoint_available" + unwell + " 0",
        "weir_endpoint_well" + unwell + " 0", "weir_endpoint_ejections_total" + ejected + " 3",
        std::string{R"(weir_breaker_state{upstream="catalog",version="v2",state="half_open"} 1)"},
        std::string{R"(weir_breaker_state{upstream="catalog",version="v2",state="open"} 0)"},
        std::string{R"(weir_breaker_openings_total{upstream="catalog",version="v2"} 2)"},
        std::string{R"(weir_ejections_total{upstream="catalog"} 5)"},
        std::string{R"(weir_bulkhead_in_use{upstream="catalog"} 9)"},
        std::string{R"(weir_retry_tokens{upstream="catalog"} 41.5)"}}) {
    EXPECT_TRUE(holds_text(text, line + "\n"));
  }
}

}  // namespace
}  // namespace weir::admin
