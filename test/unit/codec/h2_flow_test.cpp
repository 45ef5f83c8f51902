// Windows: who waits, who does not, and how much is held.
#include <gtest/gtest.h>

#include "h2_pair.h"
#include "h2_raw.h"

namespace weir::codec {
namespace {

using http::BodyLength;
using http::Method;

constexpr std::uint32_t stream_window = 16UL * 1024;
constexpr std::uint32_t connection_window = 64UL * 1024;

H2Settings narrow() {
  return {.stream_window = stream_window, .connection_window = connection_window, .head = {}};
}

struct Uploads {
  SeenStream& start(std::size_t size) {
    const auto head = request_to("/", Method::put, BodyLength::known(size));
    SeenStream& asked = two.client.add();
    two.client.session->request(asked, head, asked.body);  // arrives before its body
    asked.body.complete = false;
    two.pump();
    SeenStream& heard = two.server.seen.back();
    asked.body.text.assign(size, 'x');
    asked.body.complete = true;
    return heard;
  }
  void go() {
    for (SeenStream& asked : two.client.seen) two.client.session->resume(asked);
    two.pump();
  }

  Connected two{narrow()};
};

TEST(H2Flow, a_stalled_stream_does_not_stall_its_neighbours) {
  Uploads uploads;
  std::vector<SeenStream*> stalled;
  for (int count = 0; count < 10; ++count) {
    stalled.push_back(&uploads.start(100'000));
    stalled.back()->reads = false;
  }
  SeenStream& neighbour = uploads.start(300'000);
  uploads.go();
  EXPECT_EQ(neighbour.data.size(), 300'000U);
  EXPECT_TRUE(neighbour.ended);
  for (const SeenStream* one : stalled) EXPECT_EQ(one->held, stream_window);
}

TEST(H2Flow, a_stalled_stream_goes_on_when_its_bytes_have) {
  Uploads uploads;
  SeenStream& heard = uploads.start(100'000);
  heard.reads = false;
  uploads.go();
  for (int turns = 0; !heard.ended; ++turns) {
    ASSERT_LT(turns, 100);
    EXPECT_LE(heard.held, stream_window);
    heard.release();
    uploads.two.pump();
  }
  EXPECT_EQ(heard.data.size(), 100'000U);
}

TEST(H2Flow, a_response_waits_for_its_own_window_only) {
  Connected two{narrow()};
  RawPeer slow{H2Session::Role::server};
  slow.send(raw_request(1, raw_get()) + raw_request(3, raw_get()));
  ASSERT_EQ(slow.end.seen.size(), 2U);
  const std::string large(100'000, 'x');
  const auto head = response_of(200, BodyLength::known(large.size()));
  slow.send(raw_frame(raw_window, 0, 0, big_endian(1'000'000)));
  slow.send(raw_frame(raw_window, 0, 3, big_endian(1'000'000)));
  slow.end.answer(slow.end.seen[0], head, large);
  slow.end.answer(slow.end.seen[1], head, large);
  std::size_t first = 0;
  std::size_t second = 0;
  for (const SeenFrame& frame : slow.received()) {
    if (frame.type == raw_data) (frame.id == 1 ? first : second) += frame.payload.size();
  }
  EXPECT_EQ(first, 65'535U);
  EXPECT_EQ(second, 100'000U);
  EXPECT_FALSE(slow.end.session->wants_to_send());
}

TEST(H2Flow, streams_take_turns) {
  Connected two;
  auto [large, large_heard] = two.exchange(request_to("/large", Method::get));
  auto [small, small_heard] = two.exchange(request_to("/small", Method::get));
  large_heard.body.complete = false;
  two.server.answer(large_heard, response_of(200, BodyLength::chunked()), std::string(48'000, 'x'));
  two.server.answer(small_heard, response_of(200, BodyLength::known(5)), "small");
  // The large one is fed again each time its bytes have gone, as a relay does.
  for (int turns = 0; !small.ended; ++turns) {
    ASSERT_LT(turns, 3);
    two.client.session->receive(two.server.sent(64'000), two.now);
    large_heard.body.text.append(48'000, 'x');
    two.server.session->resume(large_heard);
  }
}

TEST(H2Flow, what_comes_for_a_stream_that_is_forgotten_costs_no_window) {
  Uploads uploads;
  for (int count = 0; count < 20; ++count) {
    SeenStream& heard = uploads.start(stream_window);
    uploads.two.server.session->reset(heard, H2Error::cancel);
    uploads.two.server.session->forget(heard);
    EXPECT_FALSE(heard.open());
    uploads.go();
    EXPECT_EQ(heard.data, "");
    EXPECT_FALSE(heard.closed.has_value());
  }
  SeenStream& last = uploads.start(200'000);
  uploads.go();
  EXPECT_EQ(last.data.size(), 200'000U);
}

TEST(H2Flow, bytes_consumed_after_the_end_open_no_window) {
  RawPeer peer{H2Session::Role::server, narrow()};
  peer.send(raw_request(1, raw_get(), end_headers));
  SeenStream& heard = peer.end.seen.back();
  heard.reads = false;
  peer.send(raw_frame(raw_data, end_stream, 1, std::string(stream_window - 1, 'x')));
  peer.received();
  heard.release();
  EXPECT_FALSE(peer.end.session->wants_to_send());
}

TEST(H2Flow, a_stream_whose_peer_ignores_its_window_is_reset) {
  RawPeer peer{H2Session::Role::server, narrow()};
  peer.send(raw_request(1, raw_get(), end_headers));
  peer.end.seen.back().reads = false;
  for (int count = 0; count < 3; ++count) {
    peer.send(raw_frame(raw_data, 0, 1, std::string(stream_window, 'x')));
  }
  const auto frames = peer.received();
  ASSERT_FALSE(frames.empty());
  EXPECT_EQ(frames[0].type, raw_reset);
  EXPECT_EQ(frames[0].code(), static_cast<std::uint32_t>(H2Error::flow_control_error));
  EXPECT_LE(peer.end.seen.back().held, 2 * stream_window);  // the frame that went too far, once
  EXPECT_EQ(peer.end.malformed, std::vector<std::string>{"window_overflow"});
}

}  // namespace
}  // namespace weir::codec
