#include "weir/proxy/ancestry.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

namespace weir::proxy {
namespace {

constexpr CauseId id{0x01000002, 3, 0xfedcba9876543210ULL};
constexpr std::string_view written = "010000020000000000000003fedcba9876543210";
constexpr std::string_view parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

TEST(CauseId, that_was_written_is_read_again_and_nothing_else_is) {
  const CauseId::Member member = id.member();
  EXPECT_EQ(std::string(member.data(), member.size()), "weir=" + std::string{written});
  EXPECT_EQ(CauseId::parse(written), id);
  for (std::size_t size = 0; size < written.size(); ++size) {
    EXPECT_FALSE(CauseId::parse(written.substr(0, size)));
  }
  EXPECT_FALSE(CauseId::parse("010000020000000000000003FEDCBA9876543210"));
  EXPECT_FALSE(CauseId::parse(fmt::format("{}0", written)));
}

TEST(Ancestry, is_read_from_what_an_application_hands_on) {
  http::Fields fields;
  fields.add("traceparent", parent);
  fields.add("tracestate", "a=1,weir=" + std::string{written});
  fields.add("x-request-id", "r");
  const Ancestry ancestry = read_ancestry(fields);
  EXPECT_EQ(ancestry.id, id);
  EXPECT_EQ(ancestry.trace.low, 0x8448eb211c80319cULL);
  EXPECT_EQ(ancestry.span.value, 0xb7ad6b7169203331ULL);
  EXPECT_EQ(ancestry.request_id, "r");
  fields.set(http::Name::tracestate, "weir=" + std::string{written} + ",Malformed=1");
  EXPECT_FALSE(read_ancestry(fields).id);
}

TEST(Ancestry, loses_a_tracestate_that_came_without_a_well_formed_traceparent) {
  Random random{1};
  http::Fields fields;
  fields.add("traceparent", "00-nonsense");
  fields.add("tracestate", "a=1");
  const Ancestry ancestry = adopt_ancestry(fields, {}, random);
  EXPECT_FALSE(fields.contains(http::Name::tracestate));
  EXPECT_EQ(http::read_traceparent(fields)->trace, ancestry.trace);
  EXPECT_EQ(fields.count(http::Name::traceparent), 1U);
}

TEST(Ancestry, marks_the_asked_share_of_fresh_traces_as_sampled) {
  Random random{1};
  policy::Listener listener;
  listener.sampled = percent(25);
  int sampled = 0;
  for (int i = 0; i < 1000; ++i) {
    http::Fields fields;
    adopt_ancestry(fields, listener, random);
    sampled += http::read_traceparent(fields)->sampling == http::Sampling::sampled ? 1 : 0;
  }
  EXPECT_GT(sampled, 200);
  EXPECT_LT(sampled, 300);
}

TEST(Ancestry, our_entry_is_put_in_and_taken_out_of_what_others_wrote) {
  http::Fields fields;
  fields.add("tracestate", "a=1");
  fields.add("tracestate", "b=2");
  write_cause(fields, id);
  EXPECT_EQ(fields.find(http::Name::tracestate), "weir=" + std::string{written} + ",a=1,b=2");
  EXPECT_EQ(fields.count(http::Name::tracestate), 1U);
  remove_cause(fields);
  EXPECT_EQ(fields.find(http::Name::tracestate), "a=1,b=2");
  fields.remove(http::Name::tracestate);
  write_cause(fields, id);
  remove_cause(fields);
  EXPECT_FALSE(fields.contains(http::Name::tracestate));
}

}  // namespace
}  // namespace weir::proxy
