// Certificates, keys and bundles in files, and what is said about bad ones.

#include "net/tls_files.h"

#include <filesystem>

#include "net/tls_server.h"
#include "tls_pair.h"

namespace weir::net {
namespace {

namespace fs = std::filesystem;
using std::chrono::hours;

class TlsFiles : public testing::Test {
 protected:
  policy::ListenerTls listener(const policy::Certificate& certificate) {
    policy::ListenerTls tls;
    tls.client = Client::none;
    tls.certificates = {certificate};
    return tls;
  }

  // What is said about it; empty when all is well.
  std::string complaint(const policy::Certificate& certificate) {
    const auto loaded = TlsServer::load(listener(certificate));
    if (loaded) return "";
    EXPECT_NE(loaded.error().text.find(loaded.error().file), std::string::npos);
    return loaded.error().text;
  }

  void expect(const std::string& said, const policy::Certificate& certificate) {
    const std::string text = complaint(certificate);
    EXPECT_NE(text.find(said), std::string::npos) << "wanted: " << said << "\nsaid: " << text;
  }

  test::CertificateDirectory files;
  MadeCertificate leaf = authority().sign({.dns = {"server.test"}});
};

TEST_F(TlsFiles, good_ones_are_loaded) {
  EXPECT_EQ(complaint(files.write("leaf", leaf)), "");
  EXPECT_EQ(complaint(files.write("with_root", leaf, {authority()})), "");
  const auto rsa = authority().sign({.key = CertificateWish::Key::rsa2048});
  EXPECT_EQ(complaint(files.write("rsa", rsa)), "");
  auto commented = leaf;
  commented.pem = "subject=CN = leaf\n" + leaf.pem + "\nbehind it\n";
  EXPECT_EQ(complaint(files.write("commented", commented)), "");
}

TEST_F(TlsFiles, each_fault_is_named_with_its_file) {
  const auto good = files.write("good", leaf);
  const auto other = files.write("other", authority().sign({}));
  const MadeCertificate middle =
      authority().sign({.common_name = "middle", .role = CertificateWish::Role::authority});
  const std::string half = leaf.pem.substr(0, leaf.pem.size() / 2);

  expect("cannot be opened: No such file", {files.path() + "/none.crt", good.key});
  expect("cannot be opened: No such file", {good.chain, files.path() + "/none.key"});
  expect("is not a file", {files.path(), good.key});
  expect("holds no certificate", {files.write("empty.crt", ""), good.key});
  expect("holds no certificate", {good.key, good.key});
  expect("holds no key", {good.chain, good.chain});
  expect("certificate 1 in", {files.write("half.crt", half), good.key});
  expect("certificate 2 in", {files.write("more.crt", leaf.pem + half), good.key});
  expect("does not belong to the certificate", {good.chain, other.key});
  expect("is encrypted", {good.chain, files.write("secret.key", test::encrypted_key(leaf, "x"))});
  expect("the one of the key comes first",
         {files.write("order.crt", middle.pem + leaf.pem), good.key});
  expect("number 2 is not of who signed number 1",
         {files.write("gap.crt", leaf.pem + middle.pem), good.key});
  expect("larger than 1 MiB", {files.write("huge.crt", std::string(2 << 20, 'x')), good.key});
  expect("has expired", files.write("old", authority().sign({.valid_until = hours{-1}})));
  expect("is not valid yet",
         files.write("new", authority().sign({.valid_from = hours{1}, .valid_until = hours{2}})));
  expect("is not accepted",
         files.write("weak", authority().sign({.key = CertificateWish::Key::rsa1024})));
}

TEST_F(TlsFiles, a_bundle_holds_at_least_one_authority_that_is_valid) {
  const auto complaint_of = [&](const std::string& bundle) {
    policy::UpstreamTls tls;
    tls.server_name = "server.test";
    tls.ca = bundle;
    const auto loaded = TlsClient::load(tls);
    return loaded ? std::string{} : loaded.error().text;
  };
  const auto expired = authority().sign({.common_name = "expired",
                                         .valid_until = hours{-1},
                                         .role = CertificateWish::Role::authority});
  EXPECT_EQ(complaint_of(files.write("ca.crt", authority().pem)), "");
  EXPECT_EQ(complaint_of(files.write("both.crt", expired.pem + authority().pem)), "");
  EXPECT_NE(complaint_of(files.write("leaf.crt", leaf.pem)).find("CA:TRUE"), std::string::npos);
  EXPECT_NE(complaint_of(files.write("old.crt", expired.pem)).find("valid now"), std::string::npos);
  EXPECT_EQ(complaint_of(""), "");  // the system's
}

TEST_F(TlsFiles, an_upstream_needs_to_know_whom_to_believe) {
  policy::UpstreamTls tls;
  tls.ca = files.write("ca.crt", authority().pem);
  EXPECT_FALSE(TlsClient::load(tls));
  tls.identities = {{policy::Pattern::Kind::prefix, "spiffe://example.org/"}};
  EXPECT_TRUE(TlsClient::load(tls));
}

TEST_F(TlsFiles, tell_when_they_expire) {
  auto tls =
      listener(files.write("leaf", authority().sign({.uris = {"spiffe://example.org/catalog"}})));
  tls.certificates.push_back(files.write("named", leaf));
  tls.client = Client::required;
  tls.ca = files.write("ca.crt", authority().pem);
  const auto loaded = TlsServer::load(tls);
  ASSERT_TRUE(loaded) << loaded.error().text;
  const auto& status = (*loaded)->certificates();
  ASSERT_EQ(status.size(), 3U);
  EXPECT_EQ(status[0].subject, "spiffe://example.org/catalog");
  EXPECT_EQ(status[0].file, tls.certificates[0].chain);
  EXPECT_EQ(status[0].not_after - status[0].not_before, 2 * 3600);
  EXPECT_EQ(status[1].subject, "server.test");
  EXPECT_EQ(status[2].subject, "CN=weir test authority");
}

// As a ConfigMap or a Secret is mounted: the files are links through `..data`.
TEST_F(TlsFiles, a_directory_that_is_replaced_meanwhile_is_read_as_one) {
  const fs::path base = files.path();
  const MadeCertificate next = authority().sign({.dns = {"server.test"}});
  for (const auto& [name, certificate] : {std::pair{"..1", leaf}, std::pair{"..2", next}}) {
    fs::create_directory(base / name);
    files.write(std::string{name} + "/tls.crt", certificate.pem);
    files.write(std::string{name} + "/tls.key", certificate.key_pem);
  }
  fs::create_directory_symlink("..1", base / "..data");
  fs::create_symlink("..data/tls.crt", base / "tls.crt");
  fs::create_symlink("..data/tls.key", base / "tls.key");
  const policy::Certificate paths{(base / "tls.crt").string(), (base / "tls.key").string()};
  const Generation generation{paths.chain};
  fs::create_directory_symlink("..2", base / "..data_tmp");
  fs::rename(base / "..data_tmp", base / "..data");
  EXPECT_EQ(generation.read(paths.key).value_or(""), leaf.key_pem);
  EXPECT_TRUE(read_key_pair(generation, paths));
  EXPECT_EQ(Generation{paths.chain}.read(paths.key).value_or(""), next.key_pem);
}

TEST_F(TlsFiles, links_to_files_of_other_names_are_followed_one_by_one) {
  const auto there = files.write("archive", leaf);
  const policy::Certificate links{files.path() + "/fullchain.pem", files.path() + "/privkey.pem"};
  fs::create_symlink("archive.crt", links.chain);
  fs::create_symlink("archive.key", links.key);
  EXPECT_EQ(complaint(links), "");
}

TEST(NameIndex, prefers_the_exact_name_then_one_wildcard_then_the_first) {
  NameIndex index;
  index.add({"first.test"}, 0);
  index.add({"*.example.test", "example.test"}, 1);
  index.add({"a.example.test", "*.example.test"}, 2);
  const std::pair<std::string, std::size_t> cases[] = {
      {"first.test", 0},     {"example.test", 1},     {"b.example.test", 1},
      {"a.example.test", 2}, {"x.y.example.test", 0}, {"", 0},
      {"test", 0},           {"*.example.test", 1},
  };
  for (const auto& [name, certificate] : cases) EXPECT_EQ(index.find(name), certificate) << name;
}

}  // namespace
}  // namespace weir::net
