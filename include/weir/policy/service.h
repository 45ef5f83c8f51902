// One service's whole policy: what its YAML file says, with every default filled in.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "weir/base/address.h"
#include "weir/policy/interception.h"
#include "weir/policy/route.h"
#include "weir/policy/tls.h"
#include "weir/policy/upstream.h"

namespace weir::policy {

struct Identity {
  std::string name;
  std::string version;
  std::string zone;
};

struct Admin {
  std::optional<Address> listen = Address::v4({127, 0, 0, 1}, 9901);
};

struct ListenerBudget {
  Duration fallback = seconds{5};  // YAML `default`: when nothing was granted
  Duration maximum = seconds{30};
};

// Every limit on what a peer may make us hold or wait for.
struct Limits {
  std::uint32_t connections = 10'000;  // per listener, in the whole process
  Bytes header = kibibytes(32);
  std::uint32_t header_count = 100;
  Bytes target = kibibytes(8);
  std::optional<Bytes> body;              // none: not limited
  Duration header_timeout = seconds{10};  // first byte to the end of the head
  Duration body_timeout = seconds{30};    // between two reads of a request body
  Duration idle_timeout = seconds{60};    // between two requests
  std::uint64_t requests = 1'000'000;     // per connection
  std::uint32_t streams = 128;            // HTTP/2: exchanges at once on one connection
  Bytes stream_window = kibibytes(64);    // HTTP/2: of a request body read ahead, per stream
};

// Which facts about the caller are told to the next hop.
enum class Forwarding : std::uint8_t {
  append,   // add to what came (behind the trust boundary)
  replace,  // drop what came, then set (at the edge)
  remove,   // drop what came, set nothing
  preserve  // leave alone
};

struct Listener {
  Address listen;
  ListenerBudget budget;
  Limits limits;
  Forwarding forwarded = Forwarding::append;  // X-Forwarded-*, and Forwarded where it came
  bool via = true;
  bool allow_connect = false;
  bool server_timing = false;
  // Budgets, marks and identifiers from callers are believed.
  bool trusted = true;
  // Of the traces that begin here: the share that is marked as sampled.
  Ratio sampled = percent(100);
  Interception intercept;
  Tunnel tunnel;
};

// There is no other endpoint to turn to, so these are off until the operator asks for them.
inline Upstream application_upstream() {
  Upstream upstream;
  upstream.name = "application";
  upstream.failover.enabled = false;
  upstream.breaker.enabled = false;
  upstream.ejection.enabled = false;
  return upstream;
}

struct Inbound : Listener {
  Address application;
  std::optional<Duration> idle;  // streams: idle limit instead of a total after the first byte
  Upstream upstream = application_upstream();  // with `application` as its one endpoint
  ListenerTls tls;
  Authorization authorization;
  // The header in which the application is told the caller's identity; what comes from outside
  // under that name is dropped. Empty: it is not told.
  std::string identity_header = "x-weir-identity";
};

struct Outbound : Listener {
  // Kept back from what is left of a budget for the way home: the callee gives up first.
  Duration margin = milliseconds{5};
  // Every upstream is reachable by its name as the host, behind all written routes.
  bool by_name = true;
  std::vector<TcpListener> tcp;
};

enum class LogFormat : std::uint8_t { json, text };

struct AccessLog {
  bool enabled = true;
  LogFormat format = LogFormat::json;
  std::string path = "-";  // "-" is the standard output
};

struct Process {
  std::uint32_t workers = 1;     // event loops, each on a thread of its own
  Duration drain = seconds{30};  // at most, after SIGTERM; each request also has its deadline
};

struct Service {
  Identity identity;
  Admin admin;
  Tls tls;
  std::optional<Inbound> inbound;
  std::optional<Outbound> outbound;
  std::vector<Upstream> upstreams;  // in the order of the file, names unique
  std::vector<Route> routes;        // outbound, first match wins among equally specific
  AccessLog access_log;
  Process process;
};

}  // namespace weir::policy
