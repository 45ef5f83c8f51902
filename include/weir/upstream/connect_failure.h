// What becomes of connecting: the failure that an attempt ends with, and what is counted.
#pragma once

#include <string_view>
#include <utility>

#include "weir/net/tls.h"
#include "weir/net/transport.h"
#include "weir/resilience/outcome.h"
#include "weir/telemetry/record.h"

namespace weir::upstream {

inline resilience::Failure failure_of(net::ConnectError error) {
  using resilience::Failure;
  switch (error) {
    case net::ConnectError::none: return Failure::none;
    case net::ConnectError::refused: return Failure::connect_refused;
    case net::ConnectError::unreachable: return Failure::connect_unreachable;
    case net::ConnectError::timeout: return Failure::connect_timeout;
    case net::ConnectError::exhausted: return Failure::connection_limit;
    case net::ConnectError::tls: return Failure::tls_failed;
    case net::ConnectError::tls_untrusted:
    case net::ConnectError::tls_expired:
    case net::ConnectError::tls_wrong_name: return Failure::tls_certificate;
    case net::ConnectError::tls_alert: return Failure::tls_alert;
  }
  std::unreachable();
}

// Why a handshake failed; empty when it was not the handshake.
inline std::string_view tls_reason_of(net::ConnectError error) {
  switch (error) {
    case net::ConnectError::tls: return net::name_of(net::TlsError::protocol);
    case net::ConnectError::tls_untrusted: return net::name_of(net::TlsError::untrusted);
    case net::ConnectError::tls_expired: return net::name_of(net::TlsError::expired);
    case net::ConnectError::tls_wrong_name: return net::name_of(net::TlsError::wrong_name);
    case net::ConnectError::tls_alert: return net::name_of(net::TlsError::alert);
    default: return {};
  }
}

// Once per connection that was made, or could not be made.
inline void count_handshake(telemetry::Recorder& recorder, const net::Transport* transport,
                            net::ConnectError error) {
  using telemetry::Direction;
  if (transport != nullptr && transport->tls() != nullptr) {
    recorder.tls_established(Direction::outbound, *transport->tls());
  }
  if (const auto reason = tls_reason_of(error); !reason.empty()) {
    recorder.tls_failed(Direction::outbound, reason);
  }
}

// What was agreed upon; HTTP/1.1 where nothing was.
inline bool agreed_on_h2(const net::Transport& transport) {
  return transport.tls() != nullptr && transport.tls()->protocol == "h2";
}

}  // namespace weir::upstream
