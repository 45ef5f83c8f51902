// What one exchange leaves behind: the only source of its metrics and its access-log line.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "weir/base/address.h"
#include "weir/base/time.h"
#include "weir/http/message.h"
#include "weir/net/closed.h"
#include "weir/net/tls.h"
#include "weir/resilience/budget.h"
#include "weir/resilience/failover.h"
#include "weir/resilience/outcome.h"
#include "weir/telemetry/cause_source.h"
#include "weir/telemetry/tunnel_facts.h"

namespace weir::telemetry {

enum class Direction : std::uint8_t { inbound, outbound };
inline constexpr std::size_t direction_count = 2;
std::string_view name_of(Direction direction);

inline constexpr std::size_t budget_source_count =
    static_cast<std::size_t>(resilience::BudgetSource::listener_maximum) + 1;

// Why work was sunk whose answer nobody could use.
enum class Unproductive : std::uint8_t { none, caller_gone, deadline_passed, hedge_lost };
inline constexpr std::size_t unproductive_count =
    static_cast<std::size_t>(Unproductive::hedge_lost) + 1;
std::string_view name_of(Unproductive reason);

// How such work ended.
enum class Work : std::uint8_t {
  cut_short,  // weir gave it up
  late        // the head of its response came when nobody waited for it any more
};
inline constexpr std::size_t work_count = static_cast<std::size_t>(Work::late) + 1;
std::string_view name_of(Work work);

struct AttemptRecord {
  Address endpoint{};
  std::string_view version{};
  resilience::Failure failure = resilience::Failure::none;
  std::uint16_t status = 0;  // 0 without a response
  Duration elapsed{};        // to the response head or the failure
  bool reused_connection = false;
  // Empty: the record's; set for an attempt against the fallback's upstream.
  std::string_view upstream{};
  Unproductive unproductive = Unproductive::none;
  Duration sunk{};  // with a reason only: from the start of the attempt to its end
  Work work = Work::cut_short;
};

// What the inbound authorization said. `would_deny`: by a policy that is tried out first.
enum class AuthorizationVerdict : std::uint8_t { unasked, allowed, denied, would_deny };
inline constexpr std::size_t authorization_verdict_count =
    static_cast<std::size_t>(AuthorizationVerdict::would_deny) + 1;
std::string_view name_of(AuthorizationVerdict verdict);

// Views are valid only during the call that hands the record over.
struct Record {
  Direction direction = Direction::outbound;
  WallTime started;
  Duration elapsed{};                  // first byte of the request to the last of the response
  std::optional<Duration> first_byte;  // to the response head sent on
  Address downstream;
  http::Version protocol = http::Version::http_1_1;
  http::Method method = http::Method::get;
  std::string_view method_text;
  std::string_view authority;
  std::string_view target;      // path and query as they came
  std::string_view request_id;  // x-request-id or the trace id of traceparent; may be empty
  std::string_view user_agent;
  std::string_view route;  // empty without one
  std::string_view upstream;
  std::string_view version;                 // the version decided upon; empty when unversioned
  std::uint16_t status = 0;                 // sent to the caller; 0 when nothing could be sent
  bool grpc = false;                        // the request was a gRPC call, whatever became of it
  std::optional<std::uint8_t> grpc_status;  // sent to the caller, where there was one
  resilience::Failure failure = resilience::Failure::none;  // how the exchange ended
  resilience::Refusal failover_refused = resilience::Refusal::none;
  bool hedged = false;
  bool fallback = false;             // the response came from the route's fallback
  std::uint64_t bytes_received = 0;  // request body, decoded; of a tunnel: from the caller
  std::uint64_t bytes_sent = 0;      // response body, decoded; of a tunnel: to the caller
  Duration budget{};                 // as granted or set
  Duration budget_left{};            // at the end, not negative
  resilience::BudgetSource budget_source = resilience::BudgetSource::listener_default;
  CauseSource cause = CauseSource::none;  // outbound: by what its inbound request was found
  // Outbound, with Failure::caller_gone: the application still waited, but the request that had
  // caused its call had lost its caller.
  bool cascaded = false;
  std::uint8_t malformed_grants = 0;
  std::array<AttemptRecord, 3> attempts;  // the third only against a fallback upstream
  std::uint8_t attempt_count = 0;
  Unproductive unproductive = Unproductive::none;  // of the attempts: the first reason,
  Duration unproductive_time{};                    // and the time of all
  std::string_view caller;  // the identity that the caller's certificate proves; empty without one
  AuthorizationVerdict authorization = AuthorizationVerdict::unasked;
  std::optional<std::size_t> authorization_rule;  // that decided, from 0; none: the default
  // A tunnel: there is no method, target, status or budget; `authority` is the server's name that
  // the caller's TLS asked for.
  std::optional<TunnelFacts> tunnel;
};

using net::Closed;
using net::closed_count;

// Who counts. Called on the worker's thread; must not block, nor allocate when warm.
class Recorder {
 public:
  virtual ~Recorder() = default;
  // Once per exchange, at its end.
  virtual void record(const Record& record) = 0;
  // The gauge of exchanges in flight: one exchange_ended() for every exchange_started().
  virtual void exchange_started(Direction direction) = 0;
  virtual void exchange_ended(Direction direction) = 0;
  // The gauge of tunnels: one record of a tunnel follows each.
  virtual void tunnel_started(Direction direction) = 0;
  // What a caller was found to speak, where that had to be found out; why one was turned away
  // before its first request. Words from fixed sets.
  virtual void connection_detected(Direction direction, std::string_view kind) = 0;
  virtual void connection_refused(Direction direction, std::string_view reason) = 0;
  // A TLS handshake with a caller (inbound) or an endpoint (outbound). `reason` is the name of a
  // net::TlsError.
  virtual void tls_established(Direction direction, const net::TlsPeer& peer) = 0;
  virtual void tls_failed(Direction direction, std::string_view reason) = 0;
  // Connections that callers opened to us.
  virtual void downstream_opened(Direction direction) = 0;
  virtual void downstream_closed(Direction direction, Closed reason) = 0;
  // Connections that we opened; reuse is counted from the records.
  virtual void upstream_opened(std::string_view upstream) = 0;
  virtual void upstream_closed(std::string_view upstream, Closed reason) = 0;
  // A request that could not be parsed. `reason` is a word of the codec's, from a fixed set.
  virtual void malformed_request(Direction direction, std::string_view reason) = 0;
  // An HTTP/2 peer was told to calm down (codec/h2_error.h); `flood` is a word from a fixed set.
  virtual void downstream_flood(Direction direction, std::string_view flood) = 0;
  virtual void upstream_flood(std::string_view upstream, std::string_view flood) = 0;
  // RST_STREAM that we sent to an endpoint: peers allow only so many of them.
  virtual void upstream_reset_sent(std::string_view upstream) = 0;
};

}  // namespace weir::telemetry
