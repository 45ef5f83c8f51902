// What OpenSSL gives out, owned.
#pragma once

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>

namespace weir::net {

template <auto release>
struct Released {
  template <class T>
  void operator()(T* object) const {
    release(object);
  }
};

using SslContext = std::unique_ptr<SSL_CTX, Released<SSL_CTX_free>>;
using Ssl = std::unique_ptr<SSL, Released<SSL_free>>;
using SslSession = std::unique_ptr<SSL_SESSION, Released<SSL_SESSION_free>>;
using X509Certificate = std::unique_ptr<X509, Released<X509_free>>;
using X509Trust = std::unique_ptr<X509_STORE, Released<X509_STORE_free>>;
using PrivateKey = std::unique_ptr<EVP_PKEY, Released<EVP_PKEY_free>>;
using BasicIo = std::unique_ptr<BIO, Released<BIO_free>>;
using GeneralNames = std::unique_ptr<GENERAL_NAMES, Released<GENERAL_NAMES_free>>;

}  // namespace weir::net
