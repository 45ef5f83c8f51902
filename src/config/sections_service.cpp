#include "sections.h"

namespace weir::config {
namespace {

constexpr auto required = Field::Need::required;

constexpr double kibibyte = 1024;
constexpr double mebibyte = 1024 * kibibyte;

constexpr std::string_view no_health =
    "the application is not checked by weir: that is for the kubelet, or whatever starts it, to do";

Field refused_health(policy::Upstream& application) {
  return {"health", no_health, section(application.health), Field::Need::refused};
}

// What the application is reached by: one endpoint, so neither failover nor ejection.
Fields describe_application(policy::Upstream& upstream) {
  return {
      {"connect_timeout", "Longest time to open a connection to the application.",
       scalar(upstream.connect_timeout, positive)},
      {"breaker", "Answers at once while the application fails; off unless written.",
       switched(upstream.breaker)},
      {"bulkhead", "How many exchanges the application works on at once.",
       section(upstream.bulkhead)},
      {"pool", "Connections to the application.", section(upstream.pool)},
      refused_health(upstream),
  };
}

void append(Fields& fields, Fields more) {
  for (Field& field : more) fields.push_back(std::move(field));
}

Fields listener_fields(policy::Listener& listener) {
  return {
      {"budget", "How long a request may take.", section(listener.budget)},
      {"limits", "What one peer may make weir hold or wait for.", section(listener.limits)},
      {"forwarded",
       "What happens to X-Forwarded-For, -Proto and -Host: `append` to what came, `replace` it (at "
       "the edge), `remove` it, or `preserve` it as it came.",
       scalar(listener.forwarded)},
      {"via", "Adds a Via field to requests and responses.", scalar(listener.via)},
      {"allow_connect", "Lets callers open tunnels with CONNECT.", scalar(listener.allow_connect)},
      {"server_timing", "Tells budget and attempts in a Server-Timing field of responses.",
       scalar(listener.server_timing)},
      {"trusted",
       "Believes the budgets, marks and identifiers that callers send. Set it to `false` at the "
       "edge.",
       scalar(listener.trusted)},
      {"sampled", "The share of the traces begun here that is marked as sampled.",
       scalar(listener.sampled)},
      {"intercept",
       "Takes connections that were meant for others, sent here by the rules of `weir iptables`.",
       section_or({&listener.intercept.mode, &codec_of(listener.intercept.mode), {}, {}},
                  listener.intercept)},
      {"tunnel", "Opaque TCP to destinations that no upstream knows.", section(listener.tunnel)},
  };
}

}  // namespace

Fields describe(policy::Identity& identity) {
  return {
      {"name", "Name of the service, as it appears in metrics, logs and Via.",
       scalar(identity.name), required},
      {"version", "Version of this instance.", scalar(identity.version)},
      {"zone", "Zone of this instance; endpoints of the same zone are preferred.",
       scalar(identity.zone)},
  };
}

Fields describe(policy::Admin& admin) {
  return {{"listen",
           "Where /healthz, /readyz, /metrics and the admin page are served.",
           {Scalar{&admin.listen, &listen_codec(), {}, "off"}}}};
}

Fields describe(policy::ListenerBudget& budget) {
  return {
      {"default", "Budget of a request whose caller granted none.",
       scalar(budget.fallback, positive)},
      {"maximum", "No request gets more than this, whatever was granted.",
       scalar(budget.maximum, positive)},
  };
}

Fields describe(policy::Limits& limits) {
  return {
      {"connections", "Connections to this listener, in the whole process.",
       scalar(limits.connections, positive)},
      {"header", "Bytes of all header fields of a request or of a response.",
       scalar(limits.header, {.least = kibibyte, .most = mebibyte})},
      {"header_count", "Number of header fields.",
       scalar(limits.header_count, {.least = 1, .most = 10'000})},
      {"target", "Bytes of a request target (path and query).",
       scalar(limits.target, {.least = 64, .most = mebibyte})},
      {"body", "Bytes of a request body.", scalar(limits.body, "unlimited")},
      {"header_timeout", "From the first byte of a request to the end of its header fields.",
       scalar(limits.header_timeout, positive)},
      {"body_timeout", "Longest pause within a request body.",
       scalar(limits.body_timeout, positive)},
      {"idle_timeout", "Longest pause between two requests of a connection.",
       scalar(limits.idle_timeout, positive)},
      {"requests", "Requests of one connection, after which it is closed.",
       scalar(limits.requests, positive)},
      {"streams", "HTTP/2: requests at once on one connection.",
       scalar(limits.streams, {.least = 1, .most = 10'000})},
      {"stream_window", "HTTP/2: bytes of a request body that may be read ahead, per stream.",
       scalar(limits.stream_window, {.least = 16 * kibibyte, .most = 16 * mebibyte})},
  };
}

Fields describe(policy::Inbound& inbound) {
  Fields fields{
      {"listen", "Where calls to this service arrive. Port 0 lets the system choose.",
       scalar_as(listen_only_codec(), &inbound.listen), required},
      {"application", "Where the application listens.",
       scalar_as(endpoint_codec(), &inbound.application), required},
      {"protocol",
       "What the application speaks: `auto` is HTTP/2 for gRPC and HTTP/1.1 for everything else.",
       scalar(inbound.upstream.protocol)},
      {"idle", "For streams: longest pause, instead of a total time, after the first byte.",
       scalar(inbound.idle, "", positive)},
      refused_health(inbound.upstream),
  };
  append(fields, listener_fields(inbound));
  fields.push_back(
      {"tls", "How callers reach this listener.",
       section_or({&inbound.tls.mode, &codec_of(inbound.tls.mode), {}, {}}, inbound.tls)});
  fields.push_back({"authorization", "Who may call what.", section(inbound.authorization)});
  fields.push_back({"identity_header",
                    "The header in which the application is told the caller's identity. What comes "
                    "under that name from outside is dropped. `off`: it is not told.",
                    scalar_as(identity_header_codec(), &inbound.identity_header)});
  fields.push_back({"upstream",
                    "How the application is called.",
                    {Section{[&inbound] { return describe_application(inbound.upstream); },
                             [] { return true; }}}});
  return fields;
}

Fields describe(policy::Outbound& outbound) {
  Fields fields{{"listen", "Where the application's calls arrive. Port 0 lets the system choose.",
                 scalar_as(listen_only_codec(), &outbound.listen), required}};
  append(fields, listener_fields(outbound));
  fields.push_back({"margin",
                    "Kept back from what is left of a budget, so that the callee gives up before "
                    "its caller does.",
                    scalar(outbound.margin)});
  fields.push_back({"by_name",
                    "Makes every upstream reachable by its name as the host, behind all written "
                    "routes.",
                    scalar(outbound.by_name)});
  fields.push_back({"tcp", "Local ports that lead to one upstream each, whatever is spoken.",
                    sections(outbound.tcp), Field::Need::optional, unless_empty(outbound.tcp)});
  return fields;
}

Fields describe(policy::AccessLog& log) {
  return {
      {"format", "How a line is written.", scalar(log.format)},
      {"path", "File that lines are appended to; `-` is the standard output.", scalar(log.path)},
  };
}

Fields describe(policy::Process& process) {
  return {
      {"workers", "Event loops, each on a thread of its own.",
       scalar(process.workers, {.least = 1, .most = 256})},
      {"drain", "Longest time that requests in flight get after SIGTERM.", scalar(process.drain)},
  };
}

namespace {

// RFC 1123, 2.1, in lower case: the name stands in Host and in metric labels.
std::optional<Complaint> check_upstream_name(std::string_view name) {
  constexpr std::string_view inner = "abcdefghijklmnopqrstuvwxyz0123456789-";
  const bool good = !name.empty() && name.size() <= 63 &&
                    name.find_first_not_of(inner) == std::string_view::npos &&
                    name.front() != '-' && name.back() != '-';
  if (good) return std::nullopt;
  std::string cured;
  for (const char letter : name.substr(0, 63)) {
    if (letter >= 'A' && letter <= 'Z') {
      cured += static_cast<char>(letter - 'A' + 'a');
    } else if (letter == '_' || letter == '.' || letter == ' ') {
      cured += '-';
    } else {
      cured += letter;
    }
  }
  const bool cures = cured != name && !check_upstream_name(cured);
  return Complaint{"the upstream name \"" + std::string{name} +
                       "\" is not a host label (a-z, 0-9 and inner hyphens, at most 63)",
                   cures ? cured : std::string{}};
}

Shape upstreams(std::vector<policy::Upstream>& target) {
  return {Dictionary{"name", check_upstream_name,
                     [&target](const std::string& name) {
                       target.emplace_back().name = name;
                       return section(target.back());
                     },
                     [&target] {
                       std::vector<std::string> names;
                       for (const auto& upstream : target) names.push_back(upstream.name);
                       return names;
                     },
                     [&target](std::size_t index) { return section(target[index]); }}};
}

}  // namespace

Fields describe(policy::Service& service) {
  return {
      {"service", "Who this sidecar stands beside.", section(service.identity), required},
      {"admin", "For operators; not for the network.", section(service.admin)},
      {"tls", "Certificates: what listeners and upstreams take that say nothing else.",
       section(service.tls)},
      {"inbound", "Calls to this service.", section(service.inbound)},
      {"outbound", "Calls of this service to others.", section(service.outbound)},
      {"upstreams", "What this service calls, by name.", upstreams(service.upstreams)},
      {"routes", "Which outbound request goes to which upstream, and on what terms.",
       sections(service.routes), Field::Need::optional, unless_empty(service.routes)},
      {"access_log", "One line per exchange.", switched(service.access_log)},
      {"process", "The process itself.", section(service.process)},
  };
}

}  // namespace weir::config
