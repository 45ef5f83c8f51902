#include "weir/admin/server.h"

#include <algorithm>
#include <array>

#include "gzip.h"
#include "weir/admin/pages.h"
#include "weir/base/address.h"

namespace weir::admin {
namespace {

constexpr std::string_view plain_text = "text/plain; charset=utf-8";
constexpr std::string_view html_text = "text/html; charset=utf-8";
constexpr std::size_t worth_compressing = 1024;

struct Path {
  std::string_view path;
  std::string_view method;
  bool open;  // answered whatever the Host says
};
constexpr std::array<Path, 11> paths{{
    {"/", "GET", false},
    {"/live", "GET", false},
    {"/page.css", "GET", false},
    {"/page.js", "GET", false},
    {"/status.json", "GET", false},
    {"/config", "GET", false},
    {"/metrics", "GET", true},
    {"/healthz", "GET", true},
    {"/readyz", "GET", true},
    {"/reload", "POST", false},
    {"/drain", "POST", false},
}};

AdminResponse respond(std::uint16_t status, std::string_view content_type, std::string body) {
  AdminResponse response;
  response.status = status;
  response.content_type = content_type;
  response.body = std::move(body);
  response.fields = {
      {"cache-control", "no-store"},
      {"content-security-policy",
       "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
       "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
      {"x-content-type-options", "nosniff"},
      {"referrer-policy", "no-referrer"},
  };
  return response;
}

// A rebound name is a name; whoever was told the address, or sits on the machine, uses no name.
bool is_literal_host(std::string_view host) {
  if (host.empty()) return true;
  if (host == "localhost" || Address::parse(host)) return true;
  return Address::parse(std::string{host} + ":0").has_value();
}

AdminResponse not_found() {
  std::string body = "Not found. There is:\n";
  for (const Path& known : paths) {
    body += known.method;
    body += ' ';
    body += known.path;
    body += '\n';
  }
  return respond(404, plain_text, std::move(body));
}

AdminResponse wrong_method(std::string_view allowed) {
  auto response = respond(405, plain_text, "Only " + std::string{allowed} + " is allowed here.\n");
  response.fields.emplace_back("allow", allowed);
  return response;
}

}  // namespace

AdminResponse AdminServer::answer(const AdminRequest& request) const {
  const auto known = std::ranges::find(paths, request.path, &Path::path);
  if (known == paths.end()) return not_found();
  const bool reading = request.method == "GET" || request.method == "HEAD";
  const bool allowed = known->method == "GET" ? reading : request.method == known->method;
  if (!allowed) return wrong_method(known->method == "GET" ? "GET, HEAD" : known->method);
  if (!known->open && !is_literal_host(request.host)) {
    return respond(403, plain_text,
                   "Ask by IP address or localhost: other names are refused, because a web page "
                   "could have made them point here.\n");
  }
  return known->method == "GET" ? get(request) : post(request);
}

AdminResponse AdminServer::get(const AdminRequest& request) const {
  const std::string_view path = request.path;
  if (path == "/") return respond(200, html_text, page_html(sources_.view()));
  if (path == "/live") return respond(200, html_text, live_html(sources_.view()));
  if (path == "/page.css") {
    return respond(200, "text/css; charset=utf-8", std::string{page_css()});
  }
  if (path == "/page.js") {
    return respond(200, "text/javascript; charset=utf-8", std::string{page_js()});
  }
  if (path == "/status.json") {
    return respond(200, "application/json", status_json(sources_.view()));
  }
  // As text, so that a browser shows it instead of saving it.
  if (path == "/config") return respond(200, plain_text, sources_.effective_yaml());
  if (path == "/metrics") return scrape(request);
  if (path == "/readyz") return ready();
  return respond(200, plain_text, "ok\n");
}

AdminResponse AdminServer::post(const AdminRequest& request) const {
  if (request.weir_admin != "1") {
    return respond(403, plain_text, "Send the field weir-admin: 1, which a forged form cannot.\n");
  }
  if (request.path == "/drain") {
    sources_.drain();
    return respond(202, plain_text, "draining\n");
  }
  auto changed = sources_.reload();
  if (changed) return respond(200, plain_text, std::move(*changed));
  return respond(422, plain_text, std::move(changed.error()));
}

AdminResponse AdminServer::scrape(const AdminRequest& request) const {
  const auto exposition = telemetry::negotiate(request.accept);
  auto response = respond(200, telemetry::content_type(exposition), sources_.metrics(exposition));
  response.fields.emplace_back("vary", "accept, accept-encoding");
  if (response.body.size() < worth_compressing || !takes_gzip(request.accept_encoding)) {
    return response;
  }
  if (auto compressed = gzip(response.body)) {
    response.body = std::move(*compressed);
    response.fields.emplace_back("content-encoding", "gzip");
  }
  return response;
}

AdminResponse AdminServer::ready() const {
  const Readiness readiness = sources_.readiness();
  std::string body{name_of(readiness.phase)};
  if (!readiness.reason.empty()) body += ": " + readiness.reason;
  return respond(readiness.phase == Phase::ready ? 200 : 503, plain_text, body + "\n");
}

}  // namespace weir::admin
