// Sessions that servers have offered to resume, by address and protocol.
//
// Shared by all workers; locked only while a handshake begins and when a ticket comes. A session of
// TLS 1.3 is given out once (RFC 8446, C.4), one of TLS 1.2 as often as it lasts.
#pragma once

#include <mutex>
#include <unordered_map>
#include <vector>

#include "net/openssl.h"
#include "weir/net/transport.h"

namespace weir::net {

struct SessionKey {
  Address address;
  Alpn alpn = Alpn::nothing;

  bool operator==(const SessionKey&) const = default;
};

class TlsSessions {
 public:
  // Keeps a copy.
  void keep(const SessionKey& key, const SSL_SESSION& session);
  // Null when there is none that is still worth trying.
  SslSession take(const SessionKey& key);

  static constexpr std::size_t most_per_key = 8;
  static constexpr std::size_t most_keys = 256;

 private:
  struct Hash {
    std::size_t operator()(const SessionKey& key) const {
      return key.address.hash() * 31 + static_cast<std::size_t>(key.alpn);
    }
  };

  std::mutex mutex_;
  std::unordered_map<SessionKey, std::vector<SslSession>, Hash> kept_;
};

}  // namespace weir::net
