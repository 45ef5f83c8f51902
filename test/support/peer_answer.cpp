#include "peer_answer.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>

namespace peer {
namespace {

unsigned number_after(std::string_view target, std::string_view prefix) {
  return static_cast<unsigned>(std::atoi(std::string{target.substr(prefix.size())}.c_str()));
}

std::string chunk(std::string_view bytes) {
  std::string out(20, '\0');
  out.resize(
      static_cast<std::size_t>(std::snprintf(out.data(), out.size(), "%zx\r\n", bytes.size())));
  return out.append(bytes).append("\r\n");
}

std::string chunked(unsigned bytes, std::string_view instance) {
  std::string out =
      head(200, instance) + "transfer-encoding: chunked\r\ntrailer: x-trailer\r\n\r\n";
  const std::string piece(1000, 'c');
  for (unsigned left = bytes; left > 0;) {
    const auto size = std::min(left, 1000U);
    out += chunk(std::string_view{piece}.substr(0, size));
    left -= size;
  }
  return out + "0\r\nx-trailer: last\r\n\r\n";
}

std::string echo(const Call& call, std::string_view instance) {
  if (call.trailers.empty()) return plain(200, call.body, instance);
  std::string out = head(200, instance) + "transfer-encoding: chunked\r\n\r\n";
  if (!call.body.empty()) out += chunk(call.body);
  out += "0\r\n";
  for (const auto& [name, value] : call.trailers) out += name + ": " + value + "\r\n";
  return out + "\r\n";
}

bool upgrade(const Call& call, Wire& wire, std::string_view instance) {
  wire.send(head(101, instance) +
            "connection: upgrade\r\nupgrade: " + std::string{call.find("upgrade")} + "\r\n\r\n");
  for (std::string bytes = wire.read_some(); !bytes.empty(); bytes = wire.read_some()) {
    if (!wire.send(bytes)) break;
  }
  return false;
}

std::string escaped(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\' || byte < 0x20 || byte > 0x7e) {
      char code[8];
      std::snprintf(code, sizeof code, "\\u%04x", static_cast<unsigned>(byte));
      out += code;
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string object(const std::vector<std::pair<std::string, std::string>>& fields) {
  std::string out = "{";
  for (const auto& [name, value] : fields) {
    if (out.size() > 1) out += ',';
    out += escaped(name) + ":" + escaped(value);
  }
  return out + "}";
}

}  // namespace

std::string head(int status, std::string_view instance) {
  return "HTTP/1.1 " + std::to_string(status) + " Because\r\nx-instance: " + std::string{instance} +
         "\r\n";
}

std::string plain(int status, std::string_view body, std::string_view instance) {
  if (status == 204 || status == 304) return head(status, instance) + "\r\n";
  return head(status, instance) + "content-length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string{body};
}

bool drip(Wire& wire, std::string_view instance, Drip pace) {
  if (!wire.send(head(200, instance) + "transfer-encoding: chunked\r\n\r\n")) return false;
  for (unsigned piece = 0; piece < pace.pieces; ++piece) {
    if (wire.peer_gone(std::chrono::milliseconds{pace.pause_ms})) return false;
    if (!wire.send(chunk("drop "))) return false;
  }
  return wire.send("0\r\n\r\n");
}

bool answer(const Call& call, Wire& wire, const std::string& instance) {
  const std::string_view target = call.target;
  if (call.method == "HEAD") {
    return wire.send(head(200, instance) + "content-length: 1234\r\n\r\n");
  }
  if (target.starts_with("/status/")) {
    return wire.send(plain(static_cast<int>(number_after(target, "/status/")), "why", instance));
  }
  if (target.starts_with("/bytes/")) {
    return wire.send(plain(200, std::string(number_after(target, "/bytes/"), 'b'), instance));
  }
  if (target.starts_with("/chunked/")) {
    return wire.send(chunked(number_after(target, "/chunked/"), instance));
  }
  if (target == "/until-close") {
    wire.send(head(200, instance) + "\r\nuntil the end");
    return false;
  }
  if (target == "/echo") return wire.send(echo(call, instance));
  if (target == "/early") {
    return wire.send("HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n" +
                     plain(200, instance, instance));
  }
  if (target.starts_with("/slow/")) {
    if (wire.peer_gone(std::chrono::milliseconds{number_after(target, "/slow/")})) return false;
    return wire.send(plain(200, instance, instance));
  }
  if (target.starts_with("/drip/")) {
    const unsigned pieces = number_after(target.substr(0, target.rfind('/')), "/drip/");
    const unsigned pause = number_after(target, target.substr(0, target.rfind('/') + 1));
    return drip(wire, instance, {.pieces = pieces, .pause_ms = pause});
  }
  if (target == "/upgrade") return upgrade(call, wire, instance);
  if (target == "/spent") {
    return wire.send(head(503, instance) + "weir-failover: spent\r\ncontent-length: 0\r\n\r\n");
  }
  if (target == "/hop") {
    return wire.send(head(200, instance) +
                     "connection: x-private\r\nx-private: 1\r\nkeep-alive: timeout=5\r\n"
                     "proxy-authenticate: Basic\r\ncontent-length: 0\r\n\r\n");
  }
  return wire.send(plain(200, instance, instance));
}

std::string to_json(const Call& call) {
  return "{\"method\":" + escaped(call.method) + ",\"target\":" + escaped(call.target) +
         ",\"connection\":" + std::to_string(call.connection) +
         ",\"body_size\":" + std::to_string(call.body_size) + ",\"fields\":" + object(call.fields) +
         ",\"trailers\":" + object(call.trailers) + "}";
}

}  // namespace peer
