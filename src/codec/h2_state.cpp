#include "h2_state.h"

#include <algorithm>
#include <array>
#include <new>

#include "h2_memory.h"

namespace weir::codec {
namespace {

// nghttp2 would count resets from its own defaults and answer with INTERNAL_ERROR, and takes each
// piece in which a CONTINUATION's head arrives for one more frame; both are counted here.
constexpr std::uint64_t uncounted = 1'000'000'000;
constexpr std::size_t most_continuations = 8;
constexpr std::size_t most_settings = 32;
constexpr std::size_t setting_size = 6;

// Only their addresses mean something: one for each Mark.
std::array<char, 2> marks{};

void* pointer_of(std::size_t mark) { return &marks[mark]; }

using Options = std::unique_ptr<nghttp2_option, decltype(&nghttp2_option_del)>;

Options make_options() {
  nghttp2_option* made = nullptr;
  if (nghttp2_option_new(&made) != 0) throw std::bad_alloc{};
  Options options{made, nghttp2_option_del};
  nghttp2_option_set_no_auto_window_update(made, 1);
  nghttp2_option_set_no_closed_streams(made, 1);
  nghttp2_option_set_max_continuations(made, uncounted);
  nghttp2_option_set_max_settings(made, most_settings);
  nghttp2_option_set_stream_reset_rate_limit(made, uncounted, uncounted);
  return options;
}

std::int32_t window_of(std::uint32_t size) {
  return static_cast<std::int32_t>(std::min<std::uint32_t>(size, NGHTTP2_MAX_WINDOW_SIZE));
}

}  // namespace

H2Session::State::State(Role as, const H2Settings& settings, H2SessionEvents& hears, Instant start)
    : role(as),
      limits(settings.head),
      events(hears),
      now(start),
      frames(as == Role::server ? h2_preface_size : 0),
      allowance(start),
      head_in(settings.head) {
  const Options options = make_options();
  const auto make =
      role == Role::server ? nghttp2_session_server_new3 : nghttp2_session_client_new3;
  if (make(&session, &callbacks(), this, options.get(), h2_memory()) != 0) throw std::bad_alloc{};
  submit_settings(settings);
}

H2Session::State::~State() {
  nghttp2_session_del(session);
  for (H2StreamLink& stream : streams) stream.open_ = false;
}

void H2Session::State::submit_settings(const H2Settings& settings) {
  std::array<nghttp2_settings_entry, 5> entries{};
  std::size_t count = 0;
  const auto add = [&](nghttp2_settings_id id, std::uint32_t value) {
    entries[count++] = {static_cast<std::int32_t>(id), value};
  };
  const auto stream_window = static_cast<std::uint32_t>(window_of(settings.stream_window));
  add(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, stream_window);
  add(NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1);
  add(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<std::uint32_t>(limits.head_bytes));
  if (role == Role::server) {
    add(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, settings.concurrent_streams);
    add(NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1);
  } else {
    add(NGHTTP2_SETTINGS_ENABLE_PUSH, 0);
  }
  nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, entries.data(), count);
  nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0,
                                        window_of(settings.connection_window));
}

H2Stream* H2Session::State::find(std::int32_t id) const {
  void* const data = nghttp2_session_get_stream_user_data(session, id);
  const bool mark = data == pointer_of(0) || data == pointer_of(1);
  return mark ? nullptr : static_cast<H2Stream*>(data);
}

std::optional<H2Session::State::Mark> H2Session::State::mark_of(std::int32_t id) const {
  void* const data = nghttp2_session_get_stream_user_data(session, id);
  if (data == pointer_of(0)) return Mark::own_reset;
  if (data == pointer_of(1)) return Mark::resets_after;
  return std::nullopt;
}

void H2Session::State::mark(std::int32_t id, Mark mark) {
  nghttp2_session_set_stream_user_data(session, id, pointer_of(static_cast<std::size_t>(mark)));
}

void H2Session::State::adopt(H2Stream& stream, std::int32_t id) {
  stream.id_ = static_cast<std::uint32_t>(id);
  stream.open_ = true;
  streams.push_back(stream);
  ++open;
}

void H2Session::State::release(H2StreamLink& stream) {
  stream.open_ = false;
  stream.outgoing_ = nullptr;
  stream.hook_.unlink();
  --open;
}

void H2Session::State::reset(std::int32_t id, H2Error error) {
  nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, static_cast<std::uint32_t>(error));
}

void H2Session::State::reset_ourselves(std::int32_t id, H2Error error) {
  if (H2Stream* const stream = find(id)) {
    stream->reset_ = true;
  } else {
    mark(id, Mark::own_reset);
  }
  reset(id, error);
}

void H2Session::State::feed(std::span<const char> bytes) {
  if (bytes.empty()) return;
  const auto result = nghttp2_session_mem_recv(
      session, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  if (result >= 0) return;
  switch (result) {
    case NGHTTP2_ERR_TOO_MANY_CONTINUATIONS: return flood(H2Flood::continuations);
    case NGHTTP2_ERR_FLOODED: return flood(H2Flood::pings);
    case NGHTTP2_ERR_BAD_CLIENT_MAGIC: return terminate(H2Error::protocol_error);
    default: return terminate(H2Error::internal_error);
  }
}

void H2Session::State::terminate(H2Error error) {
  if (deaf) return;
  deaf = true;
  nghttp2_session_terminate_session(session, static_cast<std::uint32_t>(error));
}

void H2Session::State::flood(H2Flood kind) {
  if (deaf) return;
  terminate(H2Error::enhance_your_calm);
  events.on_flood(kind);
}

void H2Session::State::charge(H2Flood kind) {
  if (const auto blamed = allowance.charge(kind, now)) flood(*blamed);
}

std::optional<H2Flood> H2Session::State::cost_of(const H2FrameHead& head) {
  using Type = H2FrameHead::Type;
  const auto charged = [this](H2Flood kind) { return allowance.charge(kind, now); };
  switch (head.type) {
    case Type::data:
      if (head.length > 0 || head.end_stream()) return std::nullopt;
      return charged(H2Flood::empty_frames);
    case Type::headers:
      continuations = 0;
      if (head.length > 0) return std::nullopt;
      return charged(H2Flood::empty_frames);
    case Type::continuation:
      if (++continuations > most_continuations) return H2Flood::continuations;
      if (head.length > 0 || head.end_headers()) return std::nullopt;
      return charged(H2Flood::empty_frames);
    case Type::settings:
      if (head.length > most_settings * setting_size) return H2Flood::settings;
      return charged(H2Flood::settings);
    case Type::ping: return charged(H2Flood::pings);
    case Type::rst_stream: return charged(H2Flood::resets);
    case Type::window_update: return charged(H2Flood::window_updates);
    case Type::priority:
    case Type::priority_update: return charged(H2Flood::priorities);
    case Type::push_promise:
    case Type::goaway: return charged(H2Flood::unknown_frames);
  }
  return charged(H2Flood::unknown_frames);
}

bool H2Session::State::wants_to_send() const {
  return !ended && nghttp2_session_want_write(session) != 0;
}

void H2Session::State::announce() {
  if (!inside && wants_to_send()) events.on_output();
}

}  // namespace weir::codec
