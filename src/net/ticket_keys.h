// The keys of a listener's session tickets (RFC 5077, 4): made here, never written anywhere, and
// replaced each hour, so that who gets hold of one reads two hours of recorded TLS 1.2 at most.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>

#include "net/openssl.h"
#include "net/tls_context.h"

namespace weir::net {

class TicketKeys {
 public:
  static constexpr std::size_t name_size = 16;

  struct Key {
    std::array<unsigned char, name_size> name{};
    std::array<unsigned char, 32> cipher{};  // AES-256-CBC
    std::array<unsigned char, 32> mac{};     // HMAC-SHA-256
    ~Key();
  };
  enum class Age : std::uint8_t { latest, previous };
  struct Found {
    Key key;
    Age age;
  };

  // `now` in Unix seconds, in all that follows. Safe from all threads.
  // What tickets are encrypted with; nullopt without randomness.
  std::optional<Key> latest(std::int64_t now);
  // What a ticket was encrypted with; nullopt when the key is gone.
  std::optional<Found> find(std::span<const unsigned char, name_size> name, std::int64_t now);

  // Lets OpenSSL use them for the tickets of `context`; false without memory. They must outlive
  // the handshakes of its connections.
  bool serve(SSL_CTX& context);

 private:
  static constexpr std::int64_t period = session_seconds;  // no ticket is worth more

  int encrypt(unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac);
  int decrypt(const unsigned char* name, const unsigned char* iv, EVP_CIPHER_CTX* cipher,
              EVP_MAC_CTX* mac);
  void turn(std::int64_t now);

  std::mutex mutex_;
  std::optional<Key> latest_;
  std::optional<Key> previous_;
  std::int64_t since_ = 0;
  std::unique_ptr<EVP_CIPHER, Released<EVP_CIPHER_free>> algorithm_;  // fetched once, for speed
};

}  // namespace weir::net
