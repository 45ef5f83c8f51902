// gRPC's health protocol over HTTP/2, asked of a server that speaks both by the frames.

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "support/sim_proxy.h"
#include "weir/codec/h2_session.h"
#include "weir/proxy/health_checker.h"
#include "weir/upstream/pool.h"

namespace weir::sim {
namespace {

using http::Name;
using std::chrono::milliseconds;
using std::chrono::seconds;
using namespace std::string_literals;

// What the server answers, and what it was asked.
struct Reply {
  bool serves = true;  // false: never answers
  std::string grpc_status = "0";
  std::string message = "\0\0\0\0\x02\x08\x01"s;  // SERVING
};
struct Asked {
  http::RequestHead head;
  std::string body;
};

class GrpcServer final : public Listening {
 public:
  Reply mood;
  std::vector<Asked> asked;
  std::size_t connections() const { return connections_.size(); }

 private:
  struct Stream final : codec::H2Stream, codec::H2Outgoing {
    Stream(GrpcServer& owner, std::function<void(Stream&)> answer)
        : server(owner), respond(std::move(answer)) {}
    void on_response(http::ResponseHead&) override {}
    void on_data(std::span<const char> bytes) override { body.append(bytes.data(), bytes.size()); }
    void on_end(const http::Fields*) override {
      server.asked.push_back({std::move(head), body});
      if (server.mood.serves) respond(*this);
    }
    void on_closed(codec::H2Error) override {}
    Offer offer(std::size_t at_most) override {
      return {std::min(at_most, unsent.size()), at_most >= unsent.size()};
    }
    void take(std::size_t bytes, std::string& output) override {
      output.append(unsent, 0, bytes);
      unsent.erase(0, bytes);
    }
    const http::Fields* trailers() const override { return &trailer; }

    GrpcServer& server;
    std::function<void(Stream&)> respond;
    http::RequestHead head;
    std::string body;
    std::string unsent;
    http::Fields trailer;
  };

  class Connection final : public Peer, codec::H2SessionEvents {
   public:
    Connection(GrpcServer& server, std::shared_ptr<Link> link)
        : Peer(std::move(link)),
          server_(server),
          session_(codec::H2Session::Role::server, {}, *this, world().now()) {
      flush();
    }
    ~Connection() override { session_.abandon(codec::H2Error::no_error); }

   private:
    void on_bytes(std::string_view bytes) override {
      session_.receive({bytes.data(), bytes.size()}, world().now());
      flush();
    }
    void on_end() override { close(); }
    void on_reset() override {}
    codec::H2Stream* on_request(http::RequestHead& head) override {
      streams_.push_back(std::make_unique<Stream>(server_, [this](Stream& one) { answer(one); }));
      std::swap(streams_.back()->head, head);
      return streams_.back().get();
    }
    void on_malformed(std::string_view reason) override { ADD_FAILURE() << reason; }
    void on_flood(codec::H2Flood flood) override { ADD_FAILURE() << codec::name_of(flood); }
    void on_output() override {}
    void on_capacity() override {}
    void answer(Stream& stream) {
      http::ResponseHead head;
      head.status = 200;
      head.fields.add(Name::content_type, "application/grpc");
      if (server_.mood.message.empty()) {
        head.fields.add(Name::grpc_status, server_.mood.grpc_status);
      } else {
        head.body = http::BodyLength::chunked();
        stream.unsent = server_.mood.message;
        stream.trailer.add(Name::grpc_status, server_.mood.grpc_status);
      }
      session_.respond(stream, head, http::Method::post, stream);
    }
    void flush() {
      std::string output;
      session_.send(output, 1U << 20U);
      if (!output.empty()) send(output);
    }

    GrpcServer& server_;
    std::vector<std::unique_ptr<Stream>> streams_;
    codec::H2Session session_;
  };

  Listening::Answer answer() override { return Listening::Answer::accept; }
  Duration delay() override { return milliseconds{1}; }
  LinkTraits traits() override { return {}; }
  void accept(std::shared_ptr<Link> link) override {
    connections_.push_back(std::make_unique<Connection>(*this, std::move(link)));
  }

  std::vector<std::unique_ptr<Connection>> connections_;
};

// Two servers and a checker, without a worker.
struct Checked {
  Checked() {
    auto stock = upstream("stock", 2);
    stock.health.emplace();
    stock.health->kind = policy::HealthCheck::Kind::grpc;
    stock.health->service = "shop.Stock";
    stock.health->interval = seconds{1};
    stock.health->timeout = milliseconds{100};
    connector.listen(instance_address(1), first);
    connector.listen(instance_address(2), second);
    checker->apply(clusters.compile(service_with({stock}, {route_to("stock")}), world.now()));
  }
  ~Checked() {
    checker.reset();
    pools.close_idle();
    world.run_for(seconds{1});
  }
  std::string verdict(std::size_t index) {
    return clusters.status(world.now()).at(0).endpoints.at(index).checked;
  }

  World world{1};
  RecordingRecorder recorder{world};
  Holdings holdings;
  SimConnector connector{world, holdings};
  GrpcServer first;
  GrpcServer second;
  Random random{1};
  upstream::Pools pools{world.scheduler(), connector, random, recorder};
  proxy::Clusters clusters{1};
  std::optional<proxy::HealthChecker> checker{std::in_place, world.scheduler(), pools, random};
};

TEST(GrpcHealth, is_asked_by_grpcs_protocol_over_one_connection) {
  Checked checked;
  checked.world.run_for(seconds{5});
  ASSERT_GE(checked.first.asked.size(), 4U);
  for (const Asked& asked : checked.first.asked) {
    EXPECT_EQ(asked.head.method, http::Method::post);
    EXPECT_EQ(asked.head.target, "/grpc.health.v1.Health/Check");
    EXPECT_EQ(asked.head.authority, "stock");
    EXPECT_EQ(asked.head.fields.find(Name::te), "trailers");
    EXPECT_TRUE(asked.head.is_grpc());
    EXPECT_EQ(asked.body, "\0\0\0\0\x0c\x0a\x0ashop.Stock"s);
  }
  EXPECT_EQ(checked.first.connections(), 1U);
  EXPECT_EQ(checked.verdict(0), "well");
  EXPECT_EQ(checked.verdict(1), "well");
}

TEST(GrpcHealth, an_endpoint_is_what_it_says) {
  struct Row {
    const char* name;
    Reply answer;
    std::string_view verdict;
  };
  const Row rows[] = {
      {"not serving", {true, "0", "\0\0\0\0\x02\x08\x02"s}, "unwell"},
      {"unimplemented", {true, "12", ""}, "well"},
      {"unknown service", {true, "5", ""}, "unwell"},
      {"silent", {.serves = false}, "unwell"},
      {"fails after its message", {.grpc_status = "13"}, "unwell"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    Checked checked;
    checked.world.run_for(milliseconds{500});
    checked.second.mood = row.answer;
    checked.world.run_for(seconds{3});
    EXPECT_EQ(checked.verdict(0), "well");
    EXPECT_EQ(checked.verdict(1), row.verdict);
    checked.second.mood = {};
    checked.world.run_for(seconds{3});
    EXPECT_EQ(checked.verdict(1), "well");
  }
}

}  // namespace
}  // namespace weir::sim
