#include "weir/http/hop_by_hop.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace weir::http {
namespace {

using List = std::vector<std::pair<std::string, std::string>>;

List after_removal(const List& list) {
  Fields fields;
  for (const auto& [name, value] : list) fields.add(name, value);
  remove_hop_by_hop(fields);
  List left;
  fields.for_each([&](const Field& field) { left.emplace_back(field.name, field.value); });
  return left;
}

TEST(HopByHop, removes_what_ends_at_the_next_hop) {
  EXPECT_EQ(after_removal({{"Connection", "keep-alive"},
                           {"Keep-Alive", "timeout=5"},
                           {"Proxy-Connection", "close"},
                           {"Transfer-Encoding", "gzip"},
                           {"Upgrade", "h2c"},
                           {"HTTP2-Settings", "AAA"},
                           {"Expect", "100-continue"},
                           {"Proxy-Authorization", "Basic x"},
                           {"Proxy-Authenticate", "Basic"},
                           {"Proxy-Authentication-Info", "x"},
                           {"Accept", "*/*"}}),
            (List{{"Accept", "*/*"}}));
}

TEST(HopByHop, removes_what_connection_nominates) {
  EXPECT_EQ(after_removal({{"X-Hop", "1"},
                           {"X-Stays", "2"},
                           {"Connection", "close, x-hop"},
                           {"connection", " ,X-Other-With-A-Long-Name-Of-Its-Own\t"},
                           {"x-other-with-a-long-name-of-its-own", "3"}}),
            (List{{"X-Stays", "2"}}));
}

TEST(HopByHop, does_not_let_connection_nominate_what_is_meant_for_the_recipient) {
  const List list{{"Forwarded", "for=1"},      {"x-forwarded-port", "1"}, {"Cookie", "c"},
                  {"Authorization", "a"},      {"traceparent", "t"},      {"weir-budget-ms", "5"},
                  {"weir-something-new", "6"}, {"Cache-Control", "n"},    {"Content-Length", "7"},
                  {"Content-Encoding", "z"},   {"grpc-encoding", "g"},    {"x-b3-traceid", "b"}};
  for (const auto& [name, value] : list) {
    List with_nomination = list;
    with_nomination.emplace_back("Connection", "close, " + name);
    EXPECT_EQ(after_removal(with_nomination), list) << name;
  }
}

TEST(HopByHop, keeps_only_trailers_of_te) {
  EXPECT_EQ(after_removal({{"TE", "gzip;q=0.5, trailers"}, {"Connection", "TE"}}),
            (List{{"te", "trailers"}}));
  EXPECT_EQ(after_removal({{"TE", "gzip"}}), List{});
}

TEST(HopByHop, keeps_the_announcement_of_trailers) {
  EXPECT_EQ(after_removal({{"Trailer", "X-Sum"}}), (List{{"Trailer", "X-Sum"}}));
}

}  // namespace
}  // namespace weir::http
