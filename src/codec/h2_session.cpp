#include "weir/codec/h2_session.h"

#include <algorithm>

#include "h2_state.h"

namespace weir::codec {
namespace {

// Marks that nghttp2 is at work, and must not be called to receive or send.
class Inside {
 public:
  explicit Inside(bool& flag) : flag_(flag) { flag_ = true; }
  ~Inside() { flag_ = false; }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

 private:
  bool& flag_;
};

bool is_tunnel(const http::ResponseHead& head, http::Method request) {
  return head.status == 101 ||
         (request == http::Method::connect && head.status >= 200 && head.status < 300);
}

bool has_body(const http::ResponseHead& head, http::Method request) {
  if (is_tunnel(head, request)) return true;
  if (request == http::Method::head || head.status == 204 || head.status == 304) return false;
  return !head.body.empty();
}

}  // namespace

H2Session::H2Session(Role role, const H2Settings& settings, H2SessionEvents& events, Instant now)
    : state_(std::make_unique<State>(role, settings, events, now)) {}

H2Session::~H2Session() = default;

void H2Session::receive(std::span<const char> bytes, Instant now) {
  State& state = *state_;
  state.now = now;
  if (state.deaf || state.ended) return;
  {
    const Inside inside{state.inside};
    std::size_t seen = 0;
    while (seen < bytes.size()) {
      const H2Frames::Step step = state.frames.next(bytes.subspan(seen));
      seen += step.taken;
      const auto flood = step.head ? state.cost_of(*step.head) : std::nullopt;
      if (!flood) continue;
      // What came before is still heard; the frame itself is not.
      state.feed(bytes.first(seen - std::min(seen, h2_frame_head_size)));
      state.flood(*flood);
      break;
    }
    if (!state.deaf) state.feed(bytes);
  }
  state.announce();
}

void H2Session::send(std::string& output, std::size_t enough) {
  State& state = *state_;
  const Inside inside{state.inside};
  state.output = &output;
  state.enough = enough;
  while (output.size() < enough && state.wants_to_send()) {
    const std::uint8_t* bytes = nullptr;
    const auto size = nghttp2_session_mem_send(state.session, &bytes);
    if (size < 0) state.ended = true;
    if (size <= 0) break;
    output.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
  }
  state.output = nullptr;
}

bool H2Session::wants_to_send() const { return state_->wants_to_send(); }

bool H2Session::over() const {
  return state_->ended ||
         (nghttp2_session_want_read(state_->session) == 0 && !state_->wants_to_send());
}

bool H2Session::in_head() const { return state_->frames.in_head(); }

std::size_t H2Session::streams() const { return state_->open; }

void H2Session::inform(H2Stream& stream, const http::ResponseHead& head) {
  if (!stream.open_) return;
  const auto fields = state_->head_out.response(head, http::Method::get);
  nghttp2_submit_headers(state_->session, NGHTTP2_FLAG_NONE, static_cast<std::int32_t>(stream.id_),
                         nullptr, fields.data(), fields.size(), nullptr);
  state_->announce();
}

void H2Session::respond(H2Stream& stream, const http::ResponseHead& head, http::Method request,
                        H2Outgoing& outgoing) {
  if (!stream.open_) return;
  const auto fields = state_->head_out.response(head, request);
  const nghttp2_data_provider provider = State::provider();
  const bool body = has_body(head, request);
  if (body) stream.outgoing_ = &outgoing;
  nghttp2_submit_response(state_->session, static_cast<std::int32_t>(stream.id_), fields.data(),
                          fields.size(), body ? &provider : nullptr);
  state_->announce();
}

bool H2Session::may_open() const {
  const State& state = *state_;
  return state.role == Role::client && !state.deaf && !state.ended &&
         nghttp2_session_check_request_allowed(state.session) != 0 &&
         state.active < nghttp2_session_get_remote_settings(
                            state.session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

bool H2Session::takes_upgrades() const {
  return nghttp2_session_get_remote_settings(state_->session,
                                             NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) == 1;
}

void H2Session::request(H2Stream& stream, const http::RequestHead& head, H2Outgoing& outgoing) {
  State& state = *state_;
  const bool tunnel = head.method == http::Method::connect || !head.upgrade.empty();
  const bool body = tunnel || !head.body.empty();
  const auto fields = state.head_out.request(head);
  const nghttp2_data_provider provider = State::provider();
  const std::int32_t id = nghttp2_submit_request(
      state.session, nullptr, fields.data(), fields.size(), body ? &provider : nullptr, &stream);
  if (id < 0) return stream.on_closed(H2Error::refused_stream);
  if (body) stream.outgoing_ = &outgoing;
  stream.request_ = tunnel ? http::Method::connect : head.method;
  state.adopt(stream, id);
  ++state.active;
  state.announce();
}

void H2Session::resume(H2Stream& stream) {
  if (!stream.open_) return;
  nghttp2_session_resume_data(state_->session, static_cast<std::int32_t>(stream.id_));
  state_->announce();
}

void H2Session::consumed(H2Stream& stream, std::size_t bytes) {
  if (!stream.open_ || stream.received_all_ || stream.reset_) return;
  nghttp2_session_consume_stream(state_->session, static_cast<std::int32_t>(stream.id_), bytes);
  state_->announce();
}

void H2Session::reset(H2Stream& stream, H2Error error) {
  if (!stream.open_ || stream.reset_) return;
  if (error == H2Error::no_error && state_->role == Role::server && !stream.sent_all_) {
    stream.resets_when_sent_ = true;
    return;
  }
  stream.reset_ = true;
  state_->reset(static_cast<std::int32_t>(stream.id_), error);
  state_->announce();
}

void H2Session::forget(H2Stream& stream) {
  if (!stream.open_) return;
  const auto id = static_cast<std::int32_t>(stream.id_);
  if (stream.reset_) {
    state_->mark(id, State::Mark::own_reset);
  } else if (stream.resets_when_sent_) {
    state_->mark(id, State::Mark::resets_after);
  } else {
    nghttp2_session_set_stream_user_data(state_->session, id, nullptr);
  }
  state_->release(stream);
}

void H2Session::begin_shutdown() {
  nghttp2_submit_shutdown_notice(state_->session);
  state_->announce();
}

void H2Session::finish_shutdown() {
  nghttp2_submit_goaway(state_->session, NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(state_->session), NGHTTP2_NO_ERROR,
                        nullptr, 0);
  state_->announce();
}

void H2Session::terminate(H2Error error) {
  state_->terminate(error);
  state_->announce();
}

void H2Session::abandon(H2Error error) {
  State& state = *state_;
  state.ended = true;
  while (!state.streams.empty()) {
    auto& stream = static_cast<H2Stream&>(state.streams.front());
    nghttp2_session_set_stream_user_data(state.session, static_cast<std::int32_t>(stream.id_),
                                         nullptr);
    state.release(stream);
    stream.on_closed(error);
  }
}

void H2Session::accuse(H2Flood flood) {
  state_->flood(flood);
  state_->announce();
}

}  // namespace weir::codec
