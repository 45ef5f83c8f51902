#include "net/tls_transport.h"

#include <openssl/err.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "net/tls_context.h"
#include "net/tls_identity.h"

namespace weir::net {
namespace {

// A record's largest content.
constexpr std::size_t largest_record = SSL3_RT_MAX_PLAIN_LENGTH;
// Of one delivery: records may be tiny, and each costs as much as a large one.
constexpr int most_records_at_once = 64;
// Key updates, tickets and warnings cost us much and the peer little. So many are free, and one
// more for each of these many bytes.
constexpr unsigned free_idle_records = 64;
constexpr std::uint64_t bytes_per_idle_record = 256UL * 1024;

// Tells `transport` the type of each record that comes. In TLS 1.3 the header says nothing: the
// type stands inside.
void watch_records(SSL& ssl, TlsTransport& transport) {
  SSL_set_msg_callback(&ssl, [](int sent, int /*version*/, int content_type, const void* bytes,
                                std::size_t size, SSL* /*ssl*/, void* to) {
    const bool told = content_type == SSL3_RT_HEADER || content_type == SSL3_RT_INNER_CONTENT_TYPE;
    if (sent != 0 || size == 0 || !told) return;
    static_cast<TlsTransport*>(to)->on_record(*static_cast<const unsigned char*>(bytes));
  });
  SSL_ctrl(&ssl, SSL_CTRL_SET_MSG_CALLBACK_ARG, 0, &transport);
}

// Small pieces joined, so that they share a record; large ones from where they are.
class Records {
 public:
  explicit Records(std::span<const iovec> pieces) : pieces_(pieces) { skip_empty(); }

  bool done() const { return pieces_.empty(); }

  // What comes next, with more behind it when it is as large as a record; valid until next time.
  std::span<const char> front() const {
    const std::span<const char> first = rest_of_first();
    if (first.size() >= largest_record || pieces_.size() == 1) return first;
    static thread_local std::array<char, largest_record> joined;
    std::size_t size = 0;
    std::size_t begin = used_;
    for (const iovec& piece : pieces_) {
      const std::size_t count = std::min(piece.iov_len - begin, joined.size() - size);
      std::memcpy(joined.data() + size, static_cast<const char*>(piece.iov_base) + begin, count);
      size += count;
      begin = 0;
    }
    return {joined.data(), size};
  }

  void take(std::size_t count) {
    while (count > 0) {
      const std::size_t step = std::min(count, pieces_.front().iov_len - used_);
      used_ += step;
      count -= step;
      skip_empty();
    }
  }

 private:
  std::span<const char> rest_of_first() const {
    const iovec& piece = pieces_.front();
    return {static_cast<const char*>(piece.iov_base) + used_, piece.iov_len - used_};
  }
  void skip_empty() {
    while (!pieces_.empty() && used_ == pieces_.front().iov_len) {
      pieces_ = pieces_.subspan(1);
      used_ = 0;
    }
  }

  std::span<const iovec> pieces_;
  std::size_t used_ = 0;  // of the first piece
};

// OpenSSL judges what a call gave by its queue of errors. Emptying it costs as much as a record
// does, and is hardly ever needed.
void forget_errors() {
  if (ERR_peek_error() != 0) ERR_clear_error();
}

// An alert from the peer, RFC 8446, 6.2.
bool is_about_certificate(unsigned long error) {
  switch (ERR_GET_REASON(error) - SSL_AD_REASON_OFFSET) {
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_ACCESS_DENIED:
    case SSL_AD_CERTIFICATE_REQUIRED: return true;
    default: return false;
  }
}

}  // namespace

TlsTransport::TlsTransport(Loop& loop, Descriptor socket, const Address& peer)
    : loop_(loop), wire_(std::move(socket)), address_(peer) {}

// Without the word that it ended in order, OpenSSL would take the session's tickets back.
TlsTransport::~TlsTransport() {
  loop_.forget(*this);
  if (!ssl_) return;
  if (phase_ == Phase::handshaking) return;
  const bool ended = (SSL_get_shutdown(ssl_.get()) & SSL_SENT_SHUTDOWN) != 0;
  if (!ended && !resets_ && last_.error == IoError::none) SSL_shutdown(ssl_.get());
  SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  forget_errors();
}

bool TlsTransport::accept(std::shared_ptr<const TlsServer> server, HandshakeEvents& events,
                          Watched watched) {
  server_ = std::move(server);
  Ssl ssl = server_->state().connection();
  if (ssl) SSL_set_accept_state(ssl.get());
  return begin(std::move(ssl), events, watched);
}

bool TlsTransport::connect(std::shared_ptr<const TlsClient> client, Alpn alpn,
                           HandshakeEvents& events, Watched watched) {
  client_ = std::move(client);
  alpn_ = alpn;
  return begin(client_->state().connection({address_, alpn_}), events, watched);
}

bool TlsTransport::begin(Ssl ssl, HandshakeEvents& events, Watched watched) {
  BasicIo io = wire_.io();
  if (!ssl || !io) return false;
  SSL_set_bio(ssl.get(), io.get(), io.get());
  static_cast<void>(io.release());
  SSL_set_app_data(ssl.get(), this);
  watch_records(*ssl, *this);
  ssl_ = std::move(ssl);
  handshake_ = &events;
  if (watched == Watched::yes) {
    loop_.rewatch(wire_.descriptor(), Interest::read, *this);
  } else if (!loop_.watch(wire_.descriptor(), Interest::read, *this)) {
    return false;
  }
  // A client speaks first; what has come for a server, the loop is about to announce.
  if (client_) loop_.scheduler().schedule(*this);
  return true;
}

void TlsTransport::on_ready(Readiness readiness) {
  wire_.announce(readiness);
  wake();
}

void TlsTransport::wake() {
  if (phase_ == Phase::handshaking) {
    shake_hands();
  } else {
    deliver();
  }
}

// Whoever is called may destroy the transport, so each call is the last thing done.
void TlsTransport::shake_hands() {
  forget_errors();
  if (server_) wire_.hold();
  const int result = SSL_do_handshake(ssl_.get());
  // A ticket goes with the answer when the request has come with the end of the handshake. Not
  // otherwise: it acknowledges that end, without which many callers hold their request back
  // (Nagle).
  if (result == 1 && SSL_version(ssl_.get()) == TLS1_3_VERSION &&
      SSL_has_pending(ssl_.get()) == 1) {
    wire_.release();
  } else {
    wire_.flush();
    if (wire_.holds()) tell_of_room();
  }
  TlsError error = TlsError::none;
  if (result == 1) {
    error = judge_peer();
  } else {
    const int wanted = SSL_get_error(ssl_.get(), result);
    if (wanted == SSL_ERROR_WANT_WRITE) return tell_of_room();
    if (wanted == SSL_ERROR_WANT_READ && !wire_.ended()) return;
    error = handshake_error(*ssl_);
  }
  if (error == TlsError::none) {
    phase_ = Phase::open;
    more_ = wire_.readable() || SSL_has_pending(ssl_.get()) == 1;
    describe_peer();
    SSL_free_buffers(ssl_.get());  // does nothing while bytes wait in them
  }
  server_.reset();
  handshake_->on_handshake(error);
}

// What OpenSSL itself does not insist on.
TlsError TlsTransport::judge_peer() {
  const unsigned char* protocol = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &protocol, &size);
  peer_.protocol.assign(static_cast<const char*>(static_cast<const void*>(protocol)), size);
  return server_ || is_agreed(alpn_, peer_.protocol) ? TlsError::none : TlsError::protocol;
}

void TlsTransport::describe_peer() {
  peer_.resumed = SSL_session_reused(ssl_.get()) == 1;
  peer_.tls_1_3 = SSL_version(ssl_.get()) == TLS1_3_VERSION;
  if (client_) {
    peer_.server_name = client_->state().server_name();
  } else if (const char* name = SSL_get_servername(ssl_.get(), TLSEXT_NAMETYPE_host_name)) {
    peer_.server_name = small_letters(name);
  }
  const X509* certificate = SSL_get0_peer_certificate(ssl_.get());
  peer_.verified = certificate != nullptr && SSL_get_verify_result(ssl_.get()) == X509_V_OK;
  if (!peer_.verified) return;
  peer_.identity = spiffe_id(*certificate);
  peer_.not_after = not_after(*certificate);
  if (server_ && peer_.tls_1_3) forget_caller(*ssl_);
}

void TlsTransport::on_session(const SSL_SESSION& session) {
  if (client_) client_->state().keep_session({address_, alpn_}, session);
}

void TlsTransport::on_record(unsigned char content_type) {
  if (phase_ == Phase::open && content_type != SSL3_RT_APPLICATION_DATA) ++idle_records_;
}

void TlsTransport::read(std::span<char> into) {
  into_ = into;
  // Not at once, and not in this turn: a peer that never pauses must not starve the others.
  if (more_ || wire_.readable()) loop_.defer(*this);
}

void TlsTransport::deliver() {
  if (ending_ && wire_.writable()) end_sending();
  const bool may_read = !into_.empty() && (more_ || wire_.readable());
  if (waiting_for_room_ && wire_.writable()) {
    waiting_for_room_ = false;
    if (may_read) loop_.defer(*this);
    events_->on_writable();
    return;
  }
  if (!may_read) return;
  if (const auto result = receive()) {
    into_ = {};
    events_->on_read(*result);
  }
}

std::optional<ReadResult> TlsTransport::receive() {
  std::size_t filled = 0;
  const unsigned idle_before = idle_records_;
  bool dry = phase_ == Phase::finished;
  for (int i = 0; i < most_records_at_once && !dry && filled < into_.size(); ++i) {
    dry = !receive_record(filled);
  }
  received_ += filled;
  if (phase_ == Phase::open &&
      idle_records_ > free_idle_records + received_ / bytes_per_idle_record) {
    phase_ = Phase::finished;
    last_ = {.bytes = 0, .error = IoError::other};
  }
  more_ = phase_ == Phase::finished || !dry;
  // What a ticket or a key update has made OpenSSL allocate, it would keep until the next write.
  if (idle_records_ != idle_before && phase_ == Phase::open) SSL_free_buffers(ssl_.get());
  if (filled > 0) return ReadResult{.bytes = filled, .error = IoError::none};
  if (phase_ == Phase::finished) return last_;
  if (more_) loop_.defer(*this);
  return std::nullopt;
}

// False when nothing more can be had now.
bool TlsTransport::receive_record(std::size_t& filled) {
  forget_errors();
  std::size_t count = 0;
  const int result = SSL_read_ex(ssl_.get(), into_.data() + filled, into_.size() - filled, &count);
  if (result == 1) {
    filled += count;
    return wire_.readable() || SSL_has_pending(ssl_.get()) == 1;
  }
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      // After a record that was not for us OpenSSL pauses, but only with nothing read ahead.
      if (wire_.readable()) return true;
      if (!wire_.ended()) return false;
      last_ = {.bytes = 0, .error = IoError::truncated};
      break;
    case SSL_ERROR_WANT_WRITE: tell_of_room(); return false;
    case SSL_ERROR_ZERO_RETURN: last_ = {}; break;
    default:
      // A server that has answered has verified us.
      peer_.turned_us_away =
          client_ && received_ + filled == 0 && is_about_certificate(ERR_peek_error());
      last_ = {.bytes = 0, .error = broken()};
  }
  phase_ = Phase::finished;
  return false;
}

WriteResult TlsTransport::write(std::span<const iovec> pieces) {
  std::size_t taken = 0;
  for (Records records{pieces}; !records.done();) {
    const std::span<const char> next = records.front();
    const WriteResult result = write_record(next.data(), next.size());
    if (result.error != IoError::none) return {.bytes = 0, .error = result.error};
    if (result.bytes == 0) break;
    taken += result.bytes;
    records.take(result.bytes);
  }
  return {.bytes = taken, .error = IoError::none};
}

// A record that the socket takes only in part is not taken yet: the same bytes are offered again,
// and OpenSSL sends the rest of the record that it has made of them.
WriteResult TlsTransport::write_record(const char* bytes, std::size_t size) {
  forget_errors();
  std::size_t taken = 0;
  const int result = SSL_write_ex(ssl_.get(), bytes, size, &taken);
  if (result == 1) return {.bytes = taken, .error = IoError::none};
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: return {};
    default: return {.bytes = 0, .error = broken()};
  }
}

IoError TlsTransport::broken() const {
  return wire_.error_number() == 0 ? IoError::reset : io_error(wire_.error_number());
}

void TlsTransport::tell_of_room() {
  if (told_of_room_) return;
  told_of_room_ = true;
  loop_.rewatch(wire_.descriptor(), Interest::read_write, *this);
}

void TlsTransport::wait_writable() {
  waiting_for_room_ = true;
  if (wire_.writable()) {
    loop_.defer(*this);
  } else {
    tell_of_room();
  }
}

void TlsTransport::shutdown_send() {
  end_sending();
  if (ending_) tell_of_room();
}

void TlsTransport::end_sending() {
  forget_errors();
  const int result = SSL_shutdown(ssl_.get());
  ending_ = result < 0 && SSL_get_error(ssl_.get(), result) == SSL_ERROR_WANT_WRITE;
  if (!ending_) ::shutdown(wire_.descriptor(), SHUT_WR);
}

void TlsTransport::reset_on_close() {
  resets_ = true;
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(wire_.descriptor(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

const Address& TlsTransport::local() const {
  if (!local_) local_ = name_of(wire_.descriptor(), Side::local);
  return *local_;
}

}  // namespace weir::net
