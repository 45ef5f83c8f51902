// Attacks, each cut off within a bound, with ENHANCE_YOUR_CALM and its name; and honest traffic,
// which never is.
#include <gtest/gtest.h>

#include "h2_raw.h"

namespace weir::codec {
namespace {

struct Attack {
  std::string_view what;
  H2Flood flood;
  std::function<std::string(std::uint32_t id)> round;  // `id` is new each time
  std::string before = {};
  int bound = 1100;  // rounds
};

std::string request(std::uint32_t id, std::uint8_t flags = end_stream | end_headers) {
  return raw_request(id, raw_get(), flags);
}

std::vector<Attack> attacks() {
  using enum H2Flood;
  using Id = std::uint32_t;
  const std::string open = request(1, end_headers);
  return {
      {"rapid reset", resets,
       [](Id id) { return request(id) + raw_frame(raw_reset, 0, id, big_endian(8)); }},
      {"reset of what is closed", resets,
       [](Id) { return raw_frame(raw_reset, 0, 1, big_endian(8)); },
       open + raw_frame(raw_reset, 0, 1, big_endian(8))},
      // Each costs an update and a reset, and the update is counted first.
      {"window overflow", window_updates,
       [](Id id) { return request(id) + raw_frame(raw_window, 0, id, big_endian(0x7fffffff)); }},
      {"malformed heads", provoked_resets,
       [](Id id) { return raw_request(id, raw_get({{"connection", "close"}})); }},
      {"bodies of another length", provoked_resets,
       [](Id id) {
         return raw_request(id, raw_get({{"content-length", "1"}}), end_headers) +
                raw_frame(raw_data, end_stream, id);
       }},
      {"settings", settings, [](Id) { return raw_frame(raw_settings, 0, 0); }},
      {"large settings", settings,
       [](Id) { return raw_frame(raw_settings, 0, 0, std::string(33UL * 6, '\0')); }, "", 1},
      {"pings", pings, [](Id) { return raw_frame(raw_ping, 0, 0, "12345678"); }},
      {"priorities", priorities,
       [](Id id) { return raw_frame(raw_priority, 0, id, std::string("\0\0\0\0\1", 5)); }},
      {"priority updates", priorities,
       [](Id id) { return raw_frame(16, 0, 0, big_endian(id) + "u=1"); }},
      {"empty data", empty_frames, [](Id) { return raw_frame(raw_data, 0, 1); }, open},
      {"data of padding alone", empty_frames,
       [](Id) { return raw_frame(raw_data, padded, 1, std::string("\3\0\0\0", 4)); }, open},
      {"window updates", window_updates,
       [](Id) { return raw_frame(raw_window, 0, 0, big_endian(1)); }},
      {"unknown frames", unknown_frames, [](Id) { return raw_frame(200, 0, 0, "x"); }},
      {"continuations", continuations, [](Id) { return raw_frame(raw_continuation, 0, 1, "\x82"); },
       request(1, end_stream), 9},
      {"empty continuations", continuations, [](Id) { return raw_frame(raw_continuation, 0, 1); },
       request(1, end_stream), 9},
  };
}

// The table is filled once, then costs a byte for 4 KB.
std::string bomb(std::uint32_t id) {
  std::string block = raw_block(raw_get());
  std::string entry = raw_block({{"x", std::string(3900, 'v')}});
  entry[0] = 0x40;  // with indexing
  return raw_frame(raw_headers, end_stream | end_headers, id,
                   block + entry + std::string(100, static_cast<char>(0x80 | 62)));
}

bool told_to_calm_down(const std::vector<SeenFrame>& frames) {
  return !frames.empty() && frames.back().type == raw_goaway &&
         frames.back().code(4) == static_cast<std::uint32_t>(H2Error::enhance_your_calm);
}

TEST(H2Flood, each_attack_is_cut_off_and_named) {
  for (const Attack& attack : attacks()) {
    for (const bool sends_each_time : {true, false}) {
      RawPeer peer{H2Session::Role::server, {.concurrent_streams = 100'000, .head = {}}};
      peer.send(attack.before);
      std::vector<SeenFrame> last;
      int rounds = 0;
      // What is provoked is seen when it is sent, as it is once per turn.
      while (peer.end.floods.empty() && rounds < 3000) {
        peer.send(attack.round(static_cast<std::uint32_t>(3 + 2 * rounds)));
        ++rounds;
        if (sends_each_time || rounds % 500 == 0) last = peer.received();
      }
      EXPECT_LE(rounds, sends_each_time ? attack.bound : 1500) << attack.what;
      ASSERT_EQ(peer.end.floods, std::vector<H2Flood>{attack.flood}) << attack.what;
      if (!told_to_calm_down(last)) last = peer.received();
      EXPECT_TRUE(told_to_calm_down(last)) << attack.what;
      EXPECT_TRUE(peer.end.session->over()) << attack.what;
      const std::size_t heard = peer.end.seen.size();
      peer.send(request(999'999));
      EXPECT_EQ(peer.end.seen.size(), heard) << attack.what;
    }
  }
}

TEST(H2Flood, a_bomb_of_indexed_fields_is_cut_off_at_four_times_the_limit) {
  RawPeer peer{H2Session::Role::server};
  peer.send(bomb(1));
  EXPECT_EQ(peer.end.floods, std::vector<H2Flood>{H2Flood::header_bytes});
  EXPECT_TRUE(told_to_calm_down(peer.received()));
  EXPECT_TRUE(peer.end.seen.empty());
}

TEST(H2Flood, a_flood_comes_out_the_same_byte_by_byte) {
  for (const std::size_t size : {std::size_t{1}, std::size_t{5}, everything}) {
    RawPeer peer{H2Session::Role::server};
    std::string bytes = request(1);
    for (int count = 0; count < 1200; ++count) bytes += raw_frame(raw_ping, 0, 0, "12345678");
    bytes += request(3);
    for (std::size_t at = 0; at < bytes.size(); at += size) {
      peer.send(std::string_view{bytes}.substr(at, size));
    }
    EXPECT_EQ(peer.end.floods, std::vector<H2Flood>{H2Flood::pings});
    EXPECT_EQ(peer.end.seen.size(), 1U);
    EXPECT_TRUE(told_to_calm_down(peer.received()));
  }
}

TEST(H2Flood, the_owner_may_accuse) {
  RawPeer peer{H2Session::Role::server};
  peer.end.session->accuse(H2Flood::window_stall);
  EXPECT_EQ(peer.end.floods, std::vector<H2Flood>{H2Flood::window_stall});
  EXPECT_TRUE(told_to_calm_down(peer.received()));
  EXPECT_TRUE(peer.end.session->over());
}

TEST(H2Flood, refused_streams_are_counted_as_resets) {
  RawPeer peer{H2Session::Role::server};
  peer.end.refuses = true;
  for (std::uint32_t id = 1; id < 2300 && peer.end.floods.empty(); id += 2) {
    peer.send(request(id));
    peer.received();
  }
  EXPECT_EQ(peer.end.floods, std::vector<H2Flood>{H2Flood::resets});
}

TEST(H2Flood, a_window_that_opens_by_a_byte_at_a_time_is_cut_off) {
  RawPeer peer{H2Session::Role::server};
  peer.send(raw_frame(raw_settings, 0, 0, std::string{"\0\4", 2} + big_endian(0)));
  peer.send(request(1));
  peer.end.answer(peer.end.seen[0], response_of(200, http::BodyLength::known(100'000)),
                  std::string(100'000, 'x'));
  int rounds = 0;
  for (; peer.end.floods.empty() && rounds < 3000; ++rounds) {
    peer.send(raw_frame(raw_window, 0, 1, big_endian(1)));
    peer.received();
  }
  EXPECT_LE(rounds, 1100);
  EXPECT_EQ(peer.end.floods, std::vector<H2Flood>{H2Flood::window_updates});
}

// Honest peers, for as long as one likes.

TEST(H2Flood, a_storm_of_deadlines_is_no_attack) {
  RawPeer peer{H2Session::Role::server};
  for (std::uint32_t count = 0; count < 5000; ++count) {
    const std::uint32_t id = 1 + 2 * count;
    peer.now += std::chrono::milliseconds{30};  // 33 in a second
    peer.send(request(id) + raw_frame(raw_reset, 0, id, big_endian(8)));
    peer.received();
  }
  EXPECT_TRUE(peer.end.floods.empty());
}

TEST(H2Flood, busy_connections_may_cancel_every_other_call) {
  RawPeer peer{H2Session::Role::server};
  for (std::uint32_t count = 0; count < 5000; ++count) {  // in no time at all
    const std::uint32_t id = 1 + 4 * count;
    peer.send(request(id) + request(id + 2) + raw_frame(raw_reset, 0, id + 2, big_endian(8)));
    peer.end.answer(peer.end.seen[peer.end.seen.size() - 2], response_of(204));
    peer.received();
  }
  EXPECT_TRUE(peer.end.floods.empty());
}

// Small messages, each answered with a ping and two updates, as gRPC libraries do.
TEST(H2Flood, streaming_of_small_messages_is_no_attack) {
  RawPeer peer{H2Session::Role::server};
  peer.send(request(1, end_headers));
  SeenStream& heard = peer.end.seen[0];
  heard.body.complete = false;
  peer.end.answer(heard, response_of(200, http::BodyLength::chunked()), "");
  for (int count = 0; count < 20'000; ++count) {
    heard.body.text = "a message of 25 bytes ...";
    peer.end.session->resume(heard);
    peer.received();
    peer.send(raw_frame(raw_ping, 0, 0, "12345678") + raw_frame(raw_window, 0, 0, big_endian(25)) +
              raw_frame(raw_window, 0, 1, big_endian(25)) + raw_frame(raw_data, 0, 1, "ack"));
  }
  EXPECT_TRUE(peer.end.floods.empty());
  EXPECT_EQ(heard.data.size(), 60'000U);
}

// A library that updates both windows for every 512 bytes its application reads.
TEST(H2Flood, a_download_read_in_small_pieces_is_no_attack) {
  RawPeer peer{H2Session::Role::server};
  peer.send(request(1));
  SeenStream& heard = peer.end.seen[0];
  const std::size_t size = 8UL * 1024 * 1024;
  peer.end.answer(heard, response_of(200, http::BodyLength::known(size)), std::string(size, 'x'));
  std::size_t arrived = 0;
  while (peer.end.session->wants_to_send()) {
    std::string updates;
    for (const SeenFrame& frame : peer.received()) {
      if (frame.type != raw_data) continue;
      arrived += frame.payload.size();
      for (std::size_t read = 0; read < frame.payload.size(); read += 512) {
        const auto piece =
            static_cast<std::uint32_t>(std::min<std::size_t>(512, frame.payload.size() - read));
        updates += raw_frame(raw_window, 0, 0, big_endian(piece));
        updates += raw_frame(raw_window, 0, 1, big_endian(piece));
      }
    }
    peer.send(updates);
  }
  EXPECT_TRUE(peer.end.floods.empty());
  EXPECT_EQ(arrived, size);
}

// A page: settings, priorities of before RFC 9113, and for each request an update and a priority.
TEST(H2Flood, a_browser_is_no_attack) {
  RawPeer peer{H2Session::Role::server};
  std::uint32_t id = 1;
  for (int page = 0; page < 50; ++page) {
    for (int count = 0; count < 100; ++count, id += 2) {
      peer.send(request(id) + raw_frame(raw_window, 0, id, big_endian(12'000'000)) +
                raw_frame(raw_priority, 0, id, std::string("\0\0\0\0\7", 5)));
      SeenStream& heard = peer.end.seen.back();
      peer.end.answer(heard, response_of(200, http::BodyLength::known(700)), std::string(700, 'x'));
    }
    for (const SeenFrame& frame : peer.received()) EXPECT_NE(frame.type, raw_goaway);
    peer.send(raw_frame(raw_window, 0, 0, big_endian(70'000)));
  }
  EXPECT_TRUE(peer.end.floods.empty());
}

}  // namespace
}  // namespace weir::codec
