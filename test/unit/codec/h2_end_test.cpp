// How streams and connections end other than well.
#include <gtest/gtest.h>

#include "h2_pair.h"
#include "h2_raw.h"

namespace weir::codec {
namespace {

using http::BodyLength;
using http::Method;

TEST(H2End, a_reset_reaches_the_other_end_with_its_code_and_nobody_else) {
  for (const bool by_client : {true, false}) {
    for (const auto error : {H2Error::cancel, H2Error::internal_error, H2Error::refused_stream}) {
      Connected two;
      auto [asked, heard] = two.exchange(request_to("/a", Method::get));
      auto [other_asked, other_heard] = two.exchange(request_to("/b", Method::get));
      (by_client ? two.client : two.server).session->reset(by_client ? asked : heard, error);
      EXPECT_FALSE(asked.closed || heard.closed);
      two.pump();
      EXPECT_EQ(asked.closed, error);
      EXPECT_EQ(heard.closed, error);
      EXPECT_FALSE(asked.ended);
      two.server.answer(other_heard, response_of(204));
      two.pump();
      EXPECT_EQ(other_asked.closed, H2Error::no_error);
    }
  }
}

TEST(H2End, a_reset_cuts_off_a_response_that_has_begun) {
  Connected two;
  auto [asked, heard] = two.exchange(request_to("/", Method::get));
  heard.body.complete = false;
  two.server.answer(heard, response_of(200, BodyLength::known(10)), "half");
  two.pump();
  two.server.session->reset(heard, H2Error::internal_error);
  two.pump();
  EXPECT_EQ(asked.data, "half");
  EXPECT_FALSE(asked.ended);
  EXPECT_EQ(asked.closed, H2Error::internal_error);
}

TEST(H2End, a_request_that_is_reset_before_it_went_out_never_does) {
  Connected two;
  SeenStream& asked = two.client.ask(request_to("/", Method::get));
  two.client.session->reset(asked, H2Error::cancel);
  two.pump();
  EXPECT_TRUE(two.server.seen.empty());
  EXPECT_EQ(asked.closed, H2Error::cancel);
  EXPECT_FALSE(asked.head_sent());
  EXPECT_TRUE(two.client.session->may_open());
  two.exchange(request_to("/next", Method::get));
  EXPECT_EQ(two.server.seen.back().request.target, "/next");
}

TEST(H2End, a_request_may_be_forgotten_before_it_went_out) {
  Connected two;
  {
    SeenStream gone;
    two.client.session->request(gone, request_to("/", Method::get), gone.body);
    two.client.session->reset(gone, H2Error::cancel);
    two.client.session->forget(gone);
    EXPECT_EQ(two.client.session->streams(), 0U);
  }
  two.pump();
  EXPECT_TRUE(two.server.seen.empty());
}

TEST(H2End, no_error_resets_only_what_still_comes_after_a_whole_response) {
  Connected two;
  SeenStream& asked = two.client.add();
  asked.body.complete = false;
  two.client.session->request(asked, request_to("/", Method::put, BodyLength::chunked()),
                              asked.body);
  two.pump();
  SeenStream& heard = two.server.seen.back();
  heard.body.has_trailers = true;
  heard.body.fields.add("x-after", "1");
  two.server.answer(heard, response_of(413, BodyLength::chunked()), std::string(200'000, 'x'));
  two.server.session->reset(heard, H2Error::no_error);
  two.pump();
  EXPECT_EQ(asked.data.size(), 200'000U);
  ASSERT_TRUE(asked.trailers.has_value());
  EXPECT_TRUE(asked.ended);
  EXPECT_EQ(asked.closed, H2Error::no_error);
  EXPECT_EQ(heard.closed, H2Error::no_error);
  EXPECT_FALSE(heard.ended);
}

TEST(H2End, a_response_may_be_forgotten_once_its_outgoing_has_given_everything) {
  Connected two;
  SeenStream& asked = two.client.add();
  asked.body.complete = false;
  two.client.session->request(asked, request_to("/", Method::put, BodyLength::chunked()),
                              asked.body);
  two.pump();
  SeenStream& heard = two.server.seen.back();
  two.server.answer(heard, response_of(403));
  two.server.session->reset(heard, H2Error::no_error);
  two.server.session->forget(heard);
  two.pump();
  ASSERT_EQ(asked.responses.size(), 1U);
  EXPECT_EQ(asked.closed, H2Error::no_error);
  EXPECT_FALSE(heard.closed.has_value());
}

TEST(H2End, an_outgoing_that_is_forgotten_half_way_is_not_asked_and_not_complete) {
  Connected two;
  auto [asked, heard] = two.exchange(request_to("/", Method::get));
  two.server.answer(heard, response_of(200, BodyLength::known(50)), std::string(50, 'x'));
  two.server.session->forget(heard);
  two.pump();
  EXPECT_FALSE(asked.ended);
  EXPECT_EQ(asked.closed, H2Error::cancel);
  EXPECT_TRUE(two.server.floods.empty());
}

TEST(H2End, a_refused_stream_was_not_processed_and_can_be_told) {
  Connected two;
  two.server.refuses = true;
  SeenStream& asked = two.client.ask(request_to("/", Method::post, BodyLength::known(1)), "x");
  two.pump();
  EXPECT_EQ(asked.closed, H2Error::refused_stream);
  EXPECT_TRUE(asked.responses.empty());
  EXPECT_EQ(two.server.session->streams(), 0U);
}

TEST(H2End, no_more_streams_are_opened_than_the_peer_takes) {
  Connected two{{.concurrent_streams = 2, .head = {}}};
  auto [first, first_heard] = two.exchange(request_to("/1", Method::get));
  EXPECT_TRUE(two.client.session->may_open());
  two.exchange(request_to("/2", Method::get));
  EXPECT_FALSE(two.client.session->may_open());
  two.server.answer(first_heard, response_of(204));
  two.pump();
  EXPECT_EQ(first.closed, H2Error::no_error);
  EXPECT_TRUE(two.client.session->may_open());
}

TEST(H2End, a_forgotten_stream_counts_until_its_reset_has_gone) {
  Connected two{{.concurrent_streams = 1, .head = {}}};
  auto [asked, heard] = two.exchange(request_to("/1", Method::get));
  two.client.session->reset(asked, H2Error::cancel);
  two.client.session->forget(asked);
  EXPECT_FALSE(two.client.session->may_open());
  const int before = two.client.capacity_changes;
  two.pump();
  EXPECT_GT(two.client.capacity_changes, before);
  EXPECT_TRUE(two.client.session->may_open());
}

TEST(H2End, before_settings_a_hundred_streams_are_assumed) {
  End client{H2Session::Role::client};
  for (int count = 0; count < 100; ++count) {
    ASSERT_TRUE(client.session->may_open());
    client.ask(request_to("/", Method::get));
  }
  EXPECT_FALSE(client.session->may_open());
  EXPECT_FALSE(client.session->takes_upgrades());
}

TEST(H2End, a_server_that_shuts_down_finishes_what_it_has) {
  Connected two;
  auto [asked, heard] = two.exchange(request_to("/", Method::get));
  two.server.session->begin_shutdown();
  two.pump();
  EXPECT_FALSE(two.client.session->may_open());
  EXPECT_FALSE(asked.closed.has_value());
  two.server.session->finish_shutdown();
  two.pump();
  EXPECT_FALSE(two.server.session->over() || two.client.session->over());
  two.server.answer(heard, response_of(200, BodyLength::known(2)), "ok");
  two.pump();
  EXPECT_EQ(asked.data, "ok");
  EXPECT_EQ(asked.closed, H2Error::no_error);
  EXPECT_TRUE(two.server.session->over() && two.client.session->over());
}

TEST(H2End, streams_above_a_goaway_are_refused_streams) {
  Connected two;
  auto [first, first_heard] = two.exchange(request_to("/1", Method::get));
  SeenStream& second = two.client.ask(request_to("/2", Method::get));
  const std::string in_flight = two.client.sent();
  SeenStream& unsent = two.client.ask(request_to("/3", Method::get));
  two.server.session->finish_shutdown();
  two.move(two.server, two.client, everything);
  two.server.session->receive(in_flight, two.now);
  two.pump();
  EXPECT_EQ(two.server.seen.size(), 1U);
  EXPECT_EQ(second.closed, H2Error::refused_stream);
  EXPECT_TRUE(second.head_sent());
  EXPECT_EQ(unsent.closed, H2Error::refused_stream);
  EXPECT_FALSE(unsent.head_sent());
  EXPECT_FALSE(first.closed.has_value());
  two.server.answer(first_heard, response_of(204));
  two.pump();
  EXPECT_EQ(first.closed, H2Error::no_error);
}

TEST(H2End, termination_is_told_and_then_over) {
  Connected two;
  auto [asked, heard] = two.exchange(request_to("/", Method::get));
  two.server.session->terminate(H2Error::settings_timeout);
  EXPECT_FALSE(two.server.session->over());
  const auto frames = frames_of(two.server.sent());
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0].type, raw_goaway);
  EXPECT_EQ(frames[0].code(4), static_cast<std::uint32_t>(H2Error::settings_timeout));
  EXPECT_TRUE(two.server.session->over());
  two.server.session->abandon(H2Error::settings_timeout);
  EXPECT_EQ(heard.closed, H2Error::settings_timeout);
}

TEST(H2End, a_connection_that_is_gone_takes_its_streams_with_it) {
  Connected two;
  for (int count = 0; count < 3; ++count) two.exchange(request_to("/", Method::get));
  SeenStream& unsent = two.client.ask(request_to("/", Method::get));
  two.client.session->abandon(H2Error::internal_error);
  for (const SeenStream& one : two.client.seen) EXPECT_EQ(one.closed, H2Error::internal_error);
  EXPECT_FALSE(unsent.open());
  EXPECT_TRUE(two.client.session->over());
  EXPECT_FALSE(two.client.session->wants_to_send() || two.client.session->may_open());
  EXPECT_EQ(two.client.session->streams(), 0U);
  two.client.session->reset(unsent, H2Error::cancel);  // harmless
}

TEST(H2End, a_session_may_go_before_its_streams) {
  SeenStream stream;
  {
    End client{H2Session::Role::client};
    client.session->request(stream, request_to("/", Method::get), stream.body);
    EXPECT_TRUE(stream.open());
  }
  EXPECT_FALSE(stream.open());
}

TEST(H2End, bytes_that_are_not_http_2_end_the_connection) {
  for (const std::string_view bytes : {std::string_view{"GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
                                       std::string_view{"PRI * HTTP/2.0\r\n\r\nSM\r\n\rX"}}) {
    End server{H2Session::Role::server};
    server.session->receive(bytes, {});
    const auto frames = frames_of(server.sent());
    ASSERT_FALSE(frames.empty());
    EXPECT_EQ(frames.back().type, raw_goaway);
    EXPECT_TRUE(server.session->over());
    server.session->receive(bytes, {});
    EXPECT_TRUE(server.seen.empty());
  }
}

}  // namespace
}  // namespace weir::codec
