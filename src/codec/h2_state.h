// What an H2Session is inside: nghttp2 and what is kept beside it.
//
// nghttp2 tells by callbacks, and lets frames be submitted from within them, though nothing be
// received or sent. A stream's user data is its H2Stream, or a mark when nobody hears of it.
#pragma once

#include <nghttp2/nghttp2.h>

#include <boost/intrusive/list.hpp>
#include <memory>
#include <optional>

#include "h2_allowance.h"
#include "h2_frames.h"
#include "h2_head_in.h"
#include "h2_head_out.h"
#include "weir/codec/h2_session.h"

namespace weir::codec {

struct H2Session::State {
  State(Role role, const H2Settings& settings, H2SessionEvents& events, Instant now);
  ~State();
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  // What stands for a stream that has no H2Stream, beside null.
  enum class Mark : std::uint8_t {
    own_reset,    // its RST_STREAM is ours, and no fault of the peer's
    resets_after  // it is reset once its response has been sent
  };

  // h2_state.cpp: calls into nghttp2.
  void submit_settings(const H2Settings& settings);
  // The stream's object; null for one that was refused, forgotten or never known.
  H2Stream* find(std::int32_t id) const;
  std::optional<Mark> mark_of(std::int32_t id) const;
  void mark(std::int32_t id, Mark mark);
  void adopt(H2Stream& stream, std::int32_t id);
  void release(H2StreamLink& stream);
  void reset(std::int32_t id, H2Error error);
  // As reset(), and it is ours to answer for: it costs the peer nothing.
  void reset_ourselves(std::int32_t id, H2Error error);
  void feed(std::span<const char> bytes);
  void terminate(H2Error error);
  void flood(H2Flood kind);
  void charge(H2Flood kind);
  // What a frame costs by its head alone.
  std::optional<H2Flood> cost_of(const H2FrameHead& head);
  bool wants_to_send() const;
  void announce();

  // h2_callbacks.cpp: nghttp2 calls.
  static const nghttp2_session_callbacks& callbacks();
  static void set_head_callbacks(nghttp2_session_callbacks* into);
  static void set_frame_callbacks(nghttp2_session_callbacks* into);
  void on_head_begins(const nghttp2_frame& frame);
  int on_field(std::string_view name, std::string_view value);
  void on_frame(const nghttp2_frame& frame);
  void on_block(const nghttp2_frame& frame);
  void on_request_block(const nghttp2_frame& frame);
  void on_response_block(const nghttp2_frame& frame, H2Stream& stream);
  void on_trailer_block(const nghttp2_frame& frame, H2Stream& stream);
  void answer(std::int32_t id, H1Error error, H2HeadIn::Ending ending);
  void on_invalid(const nghttp2_frame& frame, int error);
  void on_data(std::int32_t id, std::span<const char> bytes);
  void on_end(H2Stream& stream, const http::Fields* trailers);
  void on_closed(std::int32_t id, H2Error error);
  void on_sent(const nghttp2_frame& frame);
  void on_sent_end(std::int32_t id);
  void on_sent_reset(const nghttp2_frame& frame);
  ssize_t offer(std::int32_t id, std::size_t at_most, std::uint32_t* flags);
  bool queue_trailers(std::int32_t id, const H2Outgoing& outgoing);
  int take(const nghttp2_frame& frame, std::span<const std::uint8_t> head, std::size_t bytes);

  // What a frame's body is asked of.
  static nghttp2_data_provider provider();

  const Role role;
  const H1Limits limits;
  H2SessionEvents& events;
  nghttp2_session* session = nullptr;
  Instant now;
  H2Frames frames;
  H2Allowance allowance;
  H2HeadIn head_in;
  H2HeadOut head_out;

  using Streams =
      boost::intrusive::list<H2StreamLink,
                             boost::intrusive::member_hook<
                                 H2StreamLink, decltype(H2StreamLink::hook_), &H2StreamLink::hook_>,
                             boost::intrusive::constant_time_size<false>>;
  Streams streams;
  std::size_t open = 0;    // members of `streams`
  std::size_t active = 0;  // clients: streams that count against the peer's limit

  std::size_t continuations = 0;  // of the block in progress
  bool invalid_field = false;     // nghttp2 refused one in the block in progress
  bool trickle = false;           // the DATA being sent was cut short by a tiny window
  bool inside = false;            // receive() or send()
  bool deaf = false;              // ignores input
  bool ended = false;             // the transport has gone, or nghttp2 cannot go on
  std::string* output = nullptr;  // during send()
  std::size_t enough = 0;
};

}  // namespace weir::codec
