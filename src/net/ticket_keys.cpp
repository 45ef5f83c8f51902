#include "net/ticket_keys.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <algorithm>
#include <ctime>

namespace weir::net {
namespace {

// What OpenSSL wants to hear.
constexpr int failed = -1;
constexpr int unknown = 0;
constexpr int good = 1;
constexpr int good_but_renew = 2;

template <class Bytes>
bool randomize(Bytes& bytes) {
  return RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1;
}

bool set_mac(EVP_MAC_CTX* mac, TicketKeys::Key& key) {
  std::array<char, 7> digest{"SHA256"};
  const std::array<OSSL_PARAM, 3> parameters{
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key.mac.data(), key.mac.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0),
      OSSL_PARAM_construct_end()};
  return EVP_MAC_CTX_set_params(mac, parameters.data()) == 1;
}

}  // namespace

TicketKeys::Key::~Key() {
  OPENSSL_cleanse(cipher.data(), cipher.size());
  OPENSSL_cleanse(mac.data(), mac.size());
}

// A clock that was turned back makes a key live longer by as much at most once.
void TicketKeys::turn(std::int64_t now) {
  const std::int64_t age = now - since_;
  if (latest_ && age >= 0 && age < period) return;
  Key made;
  if (!randomize(made.name) || !randomize(made.cipher) || !randomize(made.mac)) {
    latest_.reset();
    return;
  }
  previous_.reset();
  if (latest_ && age < 2 * period) previous_ = latest_;
  latest_ = made;
  since_ = now;
}

std::optional<TicketKeys::Key> TicketKeys::latest(std::int64_t now) {
  const std::scoped_lock lock{mutex_};
  turn(now);
  return latest_;
}

std::optional<TicketKeys::Found> TicketKeys::find(std::span<const unsigned char, name_size> name,
                                                  std::int64_t now) {
  const std::scoped_lock lock{mutex_};
  turn(now);
  const auto named = [&](const std::optional<Key>& key) {
    return key && std::ranges::equal(key->name, name);
  };
  if (named(latest_)) return Found{*latest_, Age::latest};
  if (named(previous_)) return Found{*previous_, Age::previous};
  return std::nullopt;
}

// Every context of a listener has the same keys, so it does not matter which one SNI has chosen.
bool TicketKeys::serve(SSL_CTX& context) {
  if (!algorithm_) algorithm_.reset(EVP_CIPHER_fetch(nullptr, "AES-256-CBC", nullptr));
  if (!algorithm_ || SSL_CTX_set_ex_data(&context, 0, this) != 1) return false;
  return SSL_CTX_set_tlsext_ticket_key_evp_cb(
             &context, [](SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                          EVP_MAC_CTX* mac, int encrypts) {
               auto* keys = static_cast<TicketKeys*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), 0));
               if (encrypts != 0) return keys->encrypt(name, iv, cipher, mac);
               const int read = keys->decrypt(name, iv, cipher, mac);
               // A ticket of TLS 1.3 is used once (RFC 8446, C.4).
               const bool once = read == good && SSL_version(ssl) == TLS1_3_VERSION;
               return once ? good_but_renew : read;
             }) == 1;
}

int TicketKeys::encrypt(unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                        EVP_MAC_CTX* mac) {
  auto key = latest(std::time(nullptr));
  if (!key || RAND_bytes(iv, EVP_CIPHER_get_iv_length(algorithm_.get())) != 1) return failed;
  std::ranges::copy(key->name, name);
  const bool ready =
      EVP_EncryptInit_ex2(cipher, algorithm_.get(), key->cipher.data(), iv, nullptr) == 1 &&
      set_mac(mac, *key);
  return ready ? good : failed;
}

int TicketKeys::decrypt(const unsigned char* name, const unsigned char* iv, EVP_CIPHER_CTX* cipher,
                        EVP_MAC_CTX* mac) {
  auto found = find(std::span<const unsigned char, name_size>{name, name_size}, std::time(nullptr));
  if (!found) return unknown;
  const bool ready =
      set_mac(mac, found->key) &&
      EVP_DecryptInit_ex2(cipher, algorithm_.get(), found->key.cipher.data(), iv, nullptr) == 1;
  if (!ready) return failed;
  return found->age == Age::latest ? good : good_but_renew;
}

}  // namespace weir::net
