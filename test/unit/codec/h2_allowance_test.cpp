#include "codec/h2_allowance.h"

#include <gtest/gtest.h>

namespace weir::codec {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// How many of that kind, all at once, until somebody is blamed.
int until_blamed(H2Allowance& allowance, H2Flood kind, Instant now, int most = 100'000) {
  for (int count = 1; count <= most; ++count) {
    if (allowance.charge(kind, now)) return count;
  }
  return 0;
}

TEST(H2Allowance, a_thousand_of_each_kind_at_once_and_no_more) {
  for (const auto kind : {H2Flood::resets, H2Flood::provoked_resets, H2Flood::settings,
                          H2Flood::pings, H2Flood::priorities, H2Flood::empty_frames,
                          H2Flood::window_updates, H2Flood::unknown_frames}) {
    H2Allowance allowance{Instant{}};
    EXPECT_EQ(until_blamed(allowance, kind, Instant{}), H2Allowance::burst + 1) << name_of(kind);
  }
}

TEST(H2Allowance, a_hundred_in_a_second_for_ever) {
  struct Case {
    Duration apart;
    bool blamed;
  };
  for (const Case& one : {Case{milliseconds{10}, false}, Case{milliseconds{5}, true}}) {
    H2Allowance allowance{Instant{}};
    Instant now{};
    bool blamed = false;
    for (int count = 0; count < 10'000; ++count) {
      now += one.apart;
      blamed = blamed || allowance.charge(H2Flood::resets, now).has_value();
    }
    EXPECT_EQ(blamed, one.blamed);
  }
}

TEST(H2Allowance, comes_back_with_time_and_not_above_the_burst) {
  H2Allowance allowance{Instant{}};
  EXPECT_GT(until_blamed(allowance, H2Flood::pings, Instant{}), 0);
  EXPECT_EQ(until_blamed(allowance, H2Flood::pings, Instant{} + seconds{1}), 100);
  EXPECT_EQ(until_blamed(allowance, H2Flood::pings, Instant{} + seconds{3600}),
            H2Allowance::burst + 1);
}

TEST(H2Allowance, time_that_goes_back_brings_nothing) {
  H2Allowance allowance{Instant{} + seconds{5}};
  EXPECT_EQ(until_blamed(allowance, H2Flood::pings, Instant{}), H2Allowance::burst + 1);
}

TEST(H2Allowance, blames_the_kind_that_took_most) {
  H2Allowance allowance{Instant{}};
  for (int count = 0; count < 600; ++count) (void)allowance.charge(H2Flood::settings, {});
  for (int count = 0; count < 400; ++count) (void)allowance.charge(H2Flood::pings, {});
  EXPECT_EQ(allowance.charge(H2Flood::pings, {}), H2Flood::settings);
}

TEST(H2Allowance, resets_and_frames_have_accounts_of_their_own) {
  H2Allowance allowance{Instant{}};
  EXPECT_GT(until_blamed(allowance, H2Flood::pings, {}), 0);
  EXPECT_EQ(until_blamed(allowance, H2Flood::resets, {}), H2Allowance::burst + 1);
}

TEST(H2Allowance, only_answered_streams_pay_for_resets) {
  H2Allowance allowance{Instant{}};
  EXPECT_GT(until_blamed(allowance, H2Flood::resets, {}), 0);
  for (int count = 0; count < 1000; ++count) {
    allowance.credit_data_sent(16'384, {});
    allowance.credit_data_received({});
  }
  EXPECT_TRUE(allowance.charge(H2Flood::resets, {}));
  for (int count = 0; count < 50; ++count) allowance.credit_stream({});
  EXPECT_EQ(until_blamed(allowance, H2Flood::resets, {}), 49);  // two were overdrawn
}

TEST(H2Allowance, useful_frames_pay_for_others) {
  H2Allowance allowance{Instant{}};
  EXPECT_GT(until_blamed(allowance, H2Flood::pings, {}), 0);
  allowance.credit_data_received({});
  EXPECT_EQ(until_blamed(allowance, H2Flood::pings, {}), 4);
}

TEST(H2Allowance, data_explains_updates_by_its_bytes) {
  H2Allowance allowance{Instant{}};
  allowance.credit_data_sent(16'384, {});
  EXPECT_EQ(until_blamed(allowance, H2Flood::window_updates, {}),
            4 + 16'384 / 128 + H2Allowance::burst + 1);
}

TEST(H2Allowance, explained_updates_have_a_limit) {
  H2Allowance allowance{Instant{}};
  for (int count = 0; count < 10'000; ++count) allowance.credit_data_sent(16'384, {});
  EXPECT_EQ(until_blamed(allowance, H2Flood::window_updates, {}),
            static_cast<int>(H2Allowance::most_updates) + H2Allowance::burst + 1);
}

}  // namespace
}  // namespace weir::codec
