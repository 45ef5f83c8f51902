#include "cli/demo_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "weir/config/load.h"

namespace weir::cli {
namespace {

using namespace std::chrono_literals;

TEST(MeshPlan, gives_everybody_an_address_of_his_own_within_its_block_of_ports) {
  const auto addresses = plan_mesh(7700).addresses();
  EXPECT_EQ(addresses.size(), 11U);
  EXPECT_EQ(std::set<Address>(addresses.begin(), addresses.end()).size(), addresses.size());
  for (const auto& address : addresses) {
    EXPECT_TRUE(address.loopback());
    EXPECT_GE(address.port(), 7700);
    EXPECT_LT(address.port(), 7700 + ports_of_mesh);
  }
}

TEST(MeshPlan, puts_three_instances_behind_each_sidecar_in_a_file_without_a_mistake) {
  const auto plan = plan_mesh(7700);
  ASSERT_EQ(plan.sidecars.size(), 2U);
  for (const auto& sidecar : plan.sidecars) {
    const auto loaded = config::load_text(sidecar_yaml(plan, sidecar, "/tmp/demo"), "demo.yaml");
    ASSERT_TRUE(loaded) << config::format(loaded.error().front());
    EXPECT_TRUE(loaded->warnings.empty()) << config::format(loaded->warnings.front());
    ASSERT_EQ(loaded->service.upstreams.size(), 1U);
    EXPECT_EQ(loaded->service.upstreams.front().endpoints.size(), 3U);
  }
}

TEST(MeshPlan, gives_the_callee_less_time_than_its_caller_has) {
  const auto plan = plan_mesh(7700);
  EXPECT_LT(plan.sidecars[1].budget, plan.sidecars[0].budget);
}

TEST(ParseDuration, takes_a_number_with_a_unit_and_nothing_else) {
  EXPECT_EQ(parse_duration("500ms"), 500ms);
  EXPECT_EQ(parse_duration("8s"), 8s);
  EXPECT_EQ(parse_duration("1.5s"), 1500ms);
  EXPECT_EQ(parse_duration("2m"), 2min);
  for (const char* text : {"", "8", "s", "8 s", "-1s", "8sec", "1e9s", "nan s"}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
  }
}

TEST(ParseScript, reads_steps_in_the_order_of_their_time) {
  const auto script = parse_script(" at 6s restart catalog-1; at 2s kill catalog-1 ;");
  ASSERT_TRUE(script) << script.error();
  const std::vector<Step> expected{{2s, Verb::kill, "catalog-1"}, {6s, Verb::restore, "catalog-1"}};
  EXPECT_EQ(*script, expected);
}

TEST(ParseScript, says_what_is_wrong) {
  const std::pair<const char*, const char*> cases[] = {
      {"kill catalog-1", "not a step"},
      {"at 2 kill catalog-1", "not a time"},
      {"at 2s stab catalog-1", "unknown verb"},
      {"at 2s kill catalog-9", "unknown instance"},
  };
  for (const auto& [text, reason] : cases) {
    const auto script = parse_script(text);
    ASSERT_FALSE(script) << text;
    EXPECT_NE(script.error().find(reason), std::string::npos) << script.error();
  }
}

TEST(Verb, is_read_as_it_is_written) {
  for (const Verb verb : all_verbs) EXPECT_EQ(parse_verb(name_of(verb)), verb);
  EXPECT_EQ(parse_verb("stab"), std::nullopt);
}

}  // namespace
}  // namespace weir::cli
