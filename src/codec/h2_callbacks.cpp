#include <fmt/format.h>

#include <new>
#include <utility>

#include "h2_state.h"

namespace weir::codec {
namespace {

std::string_view text_of(const std::uint8_t* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

bool has_end_stream(const nghttp2_frame& frame) {
  return (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
}

H2HeadIn::Ending ending_of(const nghttp2_frame& frame) {
  return has_end_stream(frame) ? H2HeadIn::Ending::ends : H2HeadIn::Ending::open;
}

// Whether HEADERS that we sent were those of a final response.
bool is_final_response(const nghttp2_headers& headers) {
  if (headers.nvlen == 0) return false;
  const nghttp2_nv& first = headers.nva[0];
  return text_of(first.name, first.namelen) == ":status" && first.value[0] != '1';
}

}  // namespace

const nghttp2_session_callbacks& H2Session::State::callbacks() {
  static const auto make = [] {
    nghttp2_session_callbacks* made = nullptr;
    if (nghttp2_session_callbacks_new(&made) != 0) throw std::bad_alloc{};
    set_head_callbacks(made);
    set_frame_callbacks(made);
    return made;
  };
  // One for the process: it is only read.
  static const std::unique_ptr<nghttp2_session_callbacks, decltype(&nghttp2_session_callbacks_del)>
      shared{make(), nghttp2_session_callbacks_del};
  return *shared;
}

void H2Session::State::set_head_callbacks(nghttp2_session_callbacks* into) {
  nghttp2_session_callbacks_set_on_begin_headers_callback(
      into, [](nghttp2_session*, const nghttp2_frame* frame, void* state) {
        static_cast<State*>(state)->on_head_begins(*frame);
        return 0;
      });
  nghttp2_session_callbacks_set_on_header_callback(
      into,
      [](nghttp2_session*, const nghttp2_frame*, const std::uint8_t* name, std::size_t name_size,
         const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* state) {
        return static_cast<State*>(state)->on_field(text_of(name, name_size),
                                                    text_of(value, value_size));
      });
  // What nghttp2 would leave out makes the whole message malformed.
  nghttp2_session_callbacks_set_on_invalid_header_callback(
      into,
      [](nghttp2_session*, const nghttp2_frame*, const std::uint8_t*, std::size_t,
         const std::uint8_t*, std::size_t, std::uint8_t, void* state) -> int {
        static_cast<State*>(state)->invalid_field = true;
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
      });
}

void H2Session::State::set_frame_callbacks(nghttp2_session_callbacks* into) {
  nghttp2_session_callbacks_set_on_frame_recv_callback(
      into, [](nghttp2_session*, const nghttp2_frame* frame, void* state) {
        static_cast<State*>(state)->on_frame(*frame);
        return 0;
      });
  nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(
      into, [](nghttp2_session*, const nghttp2_frame* frame, int error, void* state) {
        static_cast<State*>(state)->on_invalid(*frame, error);
        return 0;
      });
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
      into, [](nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* bytes,
               std::size_t size, void* state) {
        static_cast<State*>(state)->on_data(id, {reinterpret_cast<const char*>(bytes), size});
        return 0;
      });
  nghttp2_session_callbacks_set_on_stream_close_callback(
      into, [](nghttp2_session*, std::int32_t id, std::uint32_t error, void* state) {
        static_cast<State*>(state)->on_closed(id, static_cast<H2Error>(error));
        return 0;
      });
  nghttp2_session_callbacks_set_on_frame_send_callback(
      into, [](nghttp2_session*, const nghttp2_frame* frame, void* state) {
        static_cast<State*>(state)->on_sent(*frame);
        return 0;
      });
  nghttp2_session_callbacks_set_send_data_callback(
      into, [](nghttp2_session*, nghttp2_frame* frame, const std::uint8_t* head, std::size_t size,
               nghttp2_data_source*, void* state) {
        return static_cast<State*>(state)->take(*frame, {head, h2_frame_head_size}, size);
      });
}

void H2Session::State::on_head_begins(const nghttp2_frame& frame) {
  invalid_field = false;
  if (role == Role::server) {
    const bool request = frame.headers.cat == NGHTTP2_HCAT_REQUEST;
    return head_in.begin(request ? H2HeadIn::Part::request : H2HeadIn::Part::trailers);
  }
  const H2Stream* const stream = find(frame.hd.stream_id);
  const bool trailers = stream != nullptr && stream->has_final_head_;
  head_in.begin(trailers ? H2HeadIn::Part::trailers : H2HeadIn::Part::response);
}

int H2Session::State::on_field(std::string_view name, std::string_view value) {
  if (deaf) return NGHTTP2_ERR_CALLBACK_FAILURE;
  head_in.take(name, value);
  if (!head_in.excessive()) return 0;
  flood(H2Flood::header_bytes);
  return NGHTTP2_ERR_CALLBACK_FAILURE;
}

void H2Session::State::on_frame(const nghttp2_frame& frame) {
  if (deaf) return;
  switch (frame.hd.type) {
    case NGHTTP2_HEADERS: return on_block(frame);
    case NGHTTP2_DATA: {
      const std::size_t content = frame.hd.length - frame.data.padlen;
      if (has_end_stream(frame) || content >= H2Allowance::useful_data) {
        allowance.credit_data_received(now);
      }
      // An empty frame without padding has been charged by its head.
      if (content == 0 && frame.hd.length > 0 && !has_end_stream(frame)) {
        charge(H2Flood::empty_frames);
      }
      if (!has_end_stream(frame)) return;
      if (H2Stream* const stream = find(frame.hd.stream_id)) on_end(*stream, nullptr);
      return;
    }
    case NGHTTP2_SETTINGS:
    case NGHTTP2_GOAWAY:
      if (role == Role::client) events.on_capacity();
      return;
    default: return;
  }
}

void H2Session::State::on_block(const nghttp2_frame& frame) {
  if (head_in.part() == H2HeadIn::Part::request) return on_request_block(frame);
  H2Stream* const stream = find(frame.hd.stream_id);
  if (stream == nullptr) return;
  if (head_in.part() == H2HeadIn::Part::response) return on_response_block(frame, *stream);
  on_trailer_block(frame, *stream);
}

void H2Session::State::on_request_block(const nghttp2_frame& frame) {
  const std::int32_t id = frame.hd.stream_id;
  const H2Verdict verdict = head_in.finish_request(ending_of(frame));
  if (verdict.kind != H2Verdict::Kind::valid) {
    if (verdict.kind == H2Verdict::Kind::answered) {
      answer(id, verdict.error, ending_of(frame));
    } else {
      reset(id, H2Error::protocol_error);
    }
    return events.on_malformed(verdict.reason);
  }
  H2Stream* const stream = events.on_request(head_in.request());
  if (stream == nullptr) {
    reset_ourselves(id, H2Error::refused_stream);
    return charge(H2Flood::resets);
  }
  nghttp2_session_set_stream_user_data(session, id, stream);
  adopt(*stream, id);
  if (has_end_stream(frame)) on_end(*stream, nullptr);
}

// The request is answered here, in the words of a local reply, and whatever else it sends is lost.
void H2Session::State::answer(std::int32_t id, H1Error error, H2HeadIn::Ending ending) {
  http::ResponseHead head;
  head.status = status_of(error);
  head.fields.add(http::Name::proxy_status,
                  fmt::format("weir; error=http_request_error; details=\"{}\"", describe(error)));
  const auto fields = head_out.response(head, http::Method::get);
  nghttp2_submit_response(session, id, fields.data(), fields.size(), nullptr);
  if (ending == H2HeadIn::Ending::open) mark(id, Mark::resets_after);
}

void H2Session::State::on_response_block(const nghttp2_frame& frame, H2Stream& stream) {
  const H2Verdict verdict = head_in.finish_response(ending_of(frame), stream.request_);
  if (verdict.kind != H2Verdict::Kind::valid) {
    const bool too_large =
        verdict.error == H1Error::head_too_large || verdict.error == H1Error::too_many_fields;
    const bool sized = verdict.kind == H2Verdict::Kind::answered && too_large;
    stream.refusal_ = sized ? H2Refusal::head_too_large : H2Refusal::malformed;
    return reset(frame.hd.stream_id, H2Error::protocol_error);
  }
  stream.has_final_head_ = !head_in.response().informational();
  stream.on_response(head_in.response());
  if (has_end_stream(frame) && stream.open_) on_end(stream, nullptr);
}

void H2Session::State::on_trailer_block(const nghttp2_frame& frame, H2Stream& stream) {
  if (head_in.finish_trailers().kind != H2Verdict::Kind::valid) {
    return reset(frame.hd.stream_id, H2Error::protocol_error);
  }
  on_end(stream, head_in.trailers().empty() ? nullptr : &head_in.trailers());
}

void H2Session::State::on_invalid(const nghttp2_frame& frame, int error) {
  if (frame.hd.type != NGHTTP2_HEADERS || role == Role::client) return;
  if (error == NGHTTP2_ERR_REFUSED_STREAM) return charge(H2Flood::provoked_resets);
  if (frame.headers.cat != NGHTTP2_HCAT_REQUEST) return;
  events.on_malformed(invalid_field ? "invalid_field" : "malformed_head");
}

void H2Session::State::on_data(std::int32_t id, std::span<const char> bytes) {
  nghttp2_session_consume_connection(session, bytes.size());
  H2Stream* const stream = find(id);
  if (stream != nullptr && !deaf) return stream->on_data(bytes);
  nghttp2_session_consume_stream(session, id, bytes.size());
}

void H2Session::State::on_end(H2Stream& stream, const http::Fields* trailers) {
  stream.received_all_ = true;
  if (role == Role::client) allowance.credit_stream(now);
  stream.on_end(trailers);
}

void H2Session::State::on_closed(std::int32_t id, H2Error error) {
  if (role == Role::client) --active;
  if (H2Stream* const stream = find(id)) {
    release(*stream);
    stream->on_closed(error);
  } else if (role == Role::client) {
    events.on_capacity();
  }
}

void H2Session::State::on_sent(const nghttp2_frame& frame) {
  const std::int32_t id = frame.hd.stream_id;
  switch (frame.hd.type) {
    case NGHTTP2_HEADERS: {
      const bool head = role == Role::client ? frame.headers.cat == NGHTTP2_HCAT_REQUEST
                                             : is_final_response(frame.headers);
      if (!head) break;
      if (H2Stream* const stream = find(id)) stream->head_sent_ = true;
      break;
    }
    case NGHTTP2_DATA:
      if (!std::exchange(trickle, false)) allowance.credit_data_sent(frame.hd.length, now);
      break;
    case NGHTTP2_RST_STREAM: return on_sent_reset(frame);
    default: return;
  }
  if (has_end_stream(frame)) on_sent_end(id);
}

void H2Session::State::on_sent_end(std::int32_t id) {
  H2Stream* const stream = find(id);
  if (stream != nullptr) stream->sent_all_ = true;
  if (role == Role::client) return;
  if (stream != nullptr) allowance.credit_stream(now);
  const bool resets =
      stream != nullptr ? stream->resets_when_sent_ : mark_of(id) == Mark::resets_after;
  if (resets && nghttp2_session_get_stream_remote_close(session, id) == 0) {
    reset_ourselves(id, H2Error::no_error);
  }
}

// nghttp2 resets streams by itself where frames oblige it to; so it is seen here what was sent.
void H2Session::State::on_sent_reset(const nghttp2_frame& frame) {
  const std::int32_t id = frame.hd.stream_id;
  if (nghttp2_session_find_stream(session, id) == nullptr) return;
  H2Stream* const stream = find(id);
  if (stream != nullptr ? stream->reset_ : mark_of(id) == Mark::own_reset) return;
  if (stream != nullptr && stream->refusal_ == H2Refusal::none) {
    stream->refusal_ = H2Refusal::malformed;
  }
  charge(H2Flood::provoked_resets);
  if (stream == nullptr || role == Role::client) return;
  const auto error = static_cast<H2Error>(frame.rst_stream.error_code);
  events.on_malformed(error == H2Error::flow_control_error ? "window_overflow" : "malformed_body");
}

nghttp2_data_provider H2Session::State::provider() {
  nghttp2_data_provider made{};
  made.read_callback = [](nghttp2_session*, std::int32_t id, std::uint8_t*, std::size_t at_most,
                          std::uint32_t* flags, nghttp2_data_source*, void* state) {
    return static_cast<State*>(state)->offer(id, at_most, flags);
  };
  return made;
}

ssize_t H2Session::State::offer(std::int32_t id, std::size_t at_most, std::uint32_t* flags) {
  if (output->size() >= enough) return NGHTTP2_ERR_PAUSE;
  H2Stream* const stream = find(id);
  if (stream == nullptr || stream->outgoing_ == nullptr) {
    // Forgotten before its end: the peer must not take it for complete.
    reset_ourselves(id, H2Error::cancel);
    return NGHTTP2_ERR_DEFERRED;
  }
  const H2Outgoing::Offer offered = stream->outgoing_->offer(at_most);
  if (offered.bytes == 0 && !offered.last) return NGHTTP2_ERR_DEFERRED;
  trickle = offered.bytes == at_most && at_most < H2Allowance::useful_data && !offered.last;
  *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (offered.last) {
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (queue_trailers(id, *stream->outgoing_)) *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
  }
  return static_cast<ssize_t>(offered.bytes);
}

bool H2Session::State::queue_trailers(std::int32_t id, const H2Outgoing& outgoing) {
  const http::Fields* const trailers = outgoing.trailers();
  if (trailers == nullptr) return false;
  const auto fields = head_out.trailers(*trailers);
  return !fields.empty() && nghttp2_submit_trailer(session, id, fields.data(), fields.size()) == 0;
}

int H2Session::State::take(const nghttp2_frame& frame, std::span<const std::uint8_t> head,
                           std::size_t bytes) {
  H2Stream* const stream = find(frame.hd.stream_id);
  if (stream == nullptr || stream->outgoing_ == nullptr) return NGHTTP2_ERR_CALLBACK_FAILURE;
  output->append(reinterpret_cast<const char*>(head.data()), head.size());
  if (bytes > 0) stream->outgoing_->take(bytes, *output);
  return 0;
}

}  // namespace weir::codec
