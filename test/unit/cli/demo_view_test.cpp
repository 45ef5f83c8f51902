#include "cli/demo_view.h"

#include <gtest/gtest.h>

#include <string>

#include "cli/demo_line.h"
#include "cli/demo_status.h"

namespace weir::cli {
namespace {

using namespace std::chrono_literals;

Picture sick_picture() {
  Picture picture;
  picture.elapsed = 61s;
  picture.traffic = {
      .per_second = 80, .success = 0.5, .median = 15ms, .p99 = 40ms, .asked = 10, .lost = 5};
  for (const char* service : {"orders", "catalog"}) {
    SidecarView sidecar;
    sidecar.beside = service == std::string{"orders"} ? "edge" : "orders";
    sidecar.upstream = service;
    sidecar.admin_url = "http://127.0.0.1:7711/";
    for (int i = 1; i <= 3; ++i) {
      InstanceView instance;
      instance.name = std::string{service} + "-" + std::to_string(i);
      instance.health = "healthy";
      instance.share = 0.333;
      sidecar.instances.push_back(instance);
    }
    picture.sidecars.push_back(sidecar);
  }
  auto& sick = picture.sidecars[1].instances[0];
  sick.condition = Condition::dead;
  sick.health = "ejected";
  sick.ejected_for = 1200ms;
  picture.refusals = {{"no_tokens", 2}};
  for (int i = 0; i < 30; ++i) picture.events.push_back({.at = {}, .text = "something happened"});
  return picture;
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const auto& line : lines) text += line + '\n';
  return text;
}

TEST(Screen, fits_into_every_terminal) {
  const auto picture = sick_picture();
  for (const std::size_t columns : {20U, 80U, 120U, 300U}) {
    for (const std::size_t rows : {5U, 24U, 60U}) {
      Look look{.columns = columns, .rows = rows, .colour = Look::Colour::none};
      const auto lines = screen(picture, look);
      EXPECT_LE(lines.size(), rows);
      for (const auto& line : lines) EXPECT_LE(width_of(line), columns) << line;
    }
  }
}

TEST(Screen, shows_the_sick_instance_the_last_events_and_the_keys_in_24_rows_of_80) {
  Look look;
  look.colour = Look::Colour::none;
  const auto lines = screen(sick_picture(), look);
  const auto text = joined(lines);
  EXPECT_EQ(lines.size(), 24U);
  for (const char* part : {"catalog-1", "dead", "ejected 1.2 s", "50.00 % answered", "5 lost",
                           "no_tokens 2", "something happened", "1:01"}) {
    EXPECT_TRUE(has(text, part)) << part << '\n' << text;
  }
  EXPECT_TRUE(has(lines.back(), "k kill")) << lines.back();
  EXPECT_TRUE(has(lines.back(), "q quit")) << lines.back();
}

TEST(Screen, has_no_escape_sequences_without_colours_and_no_other_characters_in_ascii) {
  const Look look{.colour = Look::Colour::none, .glyphs = Look::Glyphs::ascii};
  for (const char byte : joined(screen(sick_picture(), look))) {
    EXPECT_TRUE(byte == '\n' || (byte >= ' ' && byte <= '~')) << static_cast<int>(byte);
  }
}

TEST(StatusLine, names_only_instances_in_trouble) {
  const auto line = status_line(sick_picture());
  EXPECT_TRUE(has(line, "catalog-1 dead ejected")) << line;
  EXPECT_FALSE(has(line, "catalog-2")) << line;
}

TEST(Summary, counts_what_was_lost) {
  const auto text = summary(sick_picture());
  EXPECT_TRUE(has(text, "10 requests, 5 answered (50.00 %), 5 lost")) << text;
}

TEST(Line, cuts_between_characters_and_counts_no_colours) {
  const Look look{.columns = 4};
  const auto text = Line{look}.put("äb", Style::good).put("█ü!").text();
  EXPECT_EQ(text, "\x1b[32mäb\x1b[0m█ü");
}

TEST(ReadStatus, takes_what_the_admin_page_says_and_nothing_else) {
  const auto report = read_status(R"({"phase":"ready","generation":2,
    "totals":{"failovers":5,"failovers_saved":4,"expired":1,"unproductive_seconds":0.5},
    "upstreams":[{"endpoints":[{"address":"127.0.0.1:1","health":"ejected",
                                "ejected_for_ms":1500,"latency_ms":2.5}]}]})");
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->ready);
  EXPECT_EQ(report->failovers_saved, 4U);
  ASSERT_EQ(report->endpoints.size(), 1U);
  EXPECT_EQ(report->endpoints[0].health, "ejected");
  EXPECT_EQ(report->endpoints[0].ejected_for, 1500ms);
  for (const char* text : {"", "{}", "[]", "{\"phase\":1}"})
    EXPECT_FALSE(read_status(text)) << text;
}

TEST(ReadRefusals, adds_up_by_reason_without_zeros) {
  const auto refusals = read_refusals(
      "# HELP weir_failover_refused_total x\n"
      "weir_failover_refused_total{upstream=\"a\",reason=\"no_tokens\"} 2\n"
      "weir_failover_refused_total{upstream=\"b\",reason=\"no_tokens\"} 1\n"
      "weir_failover_refused_total{upstream=\"a\",reason=\"no_time\"} 0\n"
      "weir_failovers_total{upstream=\"a\",result=\"success\"} 9");
  EXPECT_EQ(refusals, (Refusals{{"no_tokens", 3}}));
}

TEST(TrafficWindow, forgets_samples_but_not_losses) {
  using Answer = TrafficWindow::Answer;
  TrafficWindow window;
  const Instant start{};
  window.record(start, 500ms, Answer::lost);
  EXPECT_EQ(window.view(start).success, 0.0);
  const Instant later = start + TrafficWindow::length + 1s;
  for (int i = 1; i <= 100; ++i) window.record(later, std::chrono::milliseconds{i}, Answer::good);
  const auto view = window.view(later);
  EXPECT_EQ(view.success, 1.0);
  EXPECT_EQ(view.median, 51ms);
  EXPECT_EQ(view.p99, 100ms);
  EXPECT_EQ(view.per_second, 20.0);
  EXPECT_EQ(view.asked, 101U);
  EXPECT_EQ(view.lost, 1U);
}

}  // namespace
}  // namespace weir::cli
