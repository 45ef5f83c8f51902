// ClientHellos of every shape, without a handshake.

#include "net/client_hello.h"

#include <gtest/gtest.h>

#include "client_hello_bytes.h"

namespace weir::net {
namespace {

HelloReading reading_of(std::string_view bytes) { return read_client_hello(bytes).reading; }

TEST(ClientHello, says_whom_it_asks_for_and_in_which_protocol) {
  struct Case {
    HelloWish wish;
    std::string server_name;
    bool offers_h2;
  };
  const Case cases[] = {
      {{.server_name = "catalog.test", .alpn = {"h2", "http/1.1"}}, "catalog.test", true},
      {{.server_name = "Catalog.TEST", .alpn = {"http/1.1"}}, "catalog.test", false},
      {{.server_name = std::nullopt, .alpn = {"h2c", "h"}}, "", false},
      {{}, "", false},
      {{.server_name = "a b"}, "", false},  // no host can have it: none at all
      {{.server_name = std::string("a\0b", 3)}, "", false},
      {{.server_name = std::string(256, 'a')}, "", false},
      {{.server_name = std::string(255, 'a')}, std::string(255, 'a'), false},
      {{.server_name = ""}, "", false},
  };
  for (const Case& one : cases) {
    for (const std::size_t record_size : {1UL, 3UL, 100UL, 16384UL}) {
      HelloWish wish = one.wish;
      wish.record_size = record_size;
      const HelloResult result = read_client_hello(client_hello(wish));
      EXPECT_EQ(result.reading, HelloReading::complete);
      EXPECT_EQ(result.hello.server_name, one.server_name);
      EXPECT_EQ(result.hello.offers_h2, one.offers_h2);
    }
  }
}

TEST(ClientHello, is_complete_with_its_last_byte_and_not_before) {
  const std::string whole = client_hello({.server_name = "catalog.test", .record_size = 50});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(reading_of(std::string_view{whole}.substr(0, size)), HelloReading::incomplete);
  }
  EXPECT_EQ(reading_of(whole), HelloReading::complete);
  EXPECT_EQ(reading_of(whole + "whatever follows"), HelloReading::complete);
}

TEST(ClientHello, of_before_extensions_is_one_too) {
  const std::string body = "\x03\x01" + std::string(32, 'r') + counted(1, "") +
                           counted(2, "\xc0\x2b") + counted(1, std::string(1, '\0'));
  EXPECT_EQ(reading_of(in_records("\x01" + counted(3, body), 16384)), HelloReading::complete);
}

TEST(ClientHello, hostile_bytes_are_malformed) {
  const std::string name = counted(2, '\0' + counted(2, "a.test"));
  const std::pair<std::string, std::string> cases[] = {
      {"no handshake", "\x17\x03\x03\x00\x01x"},
      {"no version of TLS", "\x16\x02\x00"},
      {"an empty record", std::string("\x16\x03\x01\x00\x00", 5)},
      {"a record that is too long", "\x16\x03\x01\x40\x01"},
      {"a ServerHello", in_records("\x02" + counted(3, "x"), 100)},
      {"a message that is too long", std::string("\x16\x03\x01\x40\x00\x01\x00\x40\x00", 9)},
      {"an empty message", in_records("\x01" + counted(3, ""), 100)},
      {"a message that ends early", in_records("\x01" + counted(3, std::string(40, 'x')), 100)},
      {"an extension that ends early", client_hello({.extensions = "\x01\x02\x03"})},
      {"an extension that is longer than all", client_hello({.extensions = "\x01\x02\xff\xff"})},
      {"an empty list of names", client_hello({.extensions = extension(0, counted(2, ""))})},
      {"bytes behind the names", client_hello({.extensions = extension(0, name + "x")})},
      {"a name that is longer than its list",
       client_hello({.extensions = extension(0, counted(2, std::string("\0\xff\xff", 3)))})},
      {"bytes behind the protocols",
       client_hello({.extensions = extension(16, counted(2, "\x02h2") + "x")})},
      {"a protocol that is longer than its list",
       client_hello({.extensions = extension(16, counted(2, "\x09h2"))})},
  };
  for (const auto& [what, bytes] : cases) {
    EXPECT_EQ(reading_of(bytes), HelloReading::malformed) << what;
  }
}

TEST(ClientHello, of_more_than_is_looked_at_is_malformed) {
  const auto padded = [](std::size_t size, std::size_t record_size) {
    return client_hello(
        {.extensions = extension(21, std::string(size, 'x')), .record_size = record_size});
  };
  EXPECT_EQ(reading_of(padded(16000, 16384)), HelloReading::complete);
  EXPECT_EQ(reading_of(padded(16384, 16384)), HelloReading::malformed);
  EXPECT_EQ(reading_of(padded(9000, 1)), HelloReading::malformed);  // most of it are headers
}

}  // namespace
}  // namespace weir::net
