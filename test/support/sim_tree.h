// Services that call each other in virtual time, as trees and diamonds: of each some instances, and
// beside each instance a weir. Every request of an application is written down with what caused it.
//
//     Tree tree{{.services = {{.calls = {1, 2}}, {.calls = {2}}, {}}}};
//     tree.ask(milliseconds{500});
//     tree.network.world.run_for(seconds{1});
//     tree.visits();
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "support/sim_calling.h"
#include "support/sim_client.h"
#include "support/sim_sidecar.h"

namespace weir::sim {

enum class Order : std::uint8_t { sequential, parallel };

struct TreeService {
  std::vector<std::size_t> calls{};  // services further down the list; the same one more than once
  Order order = Order::sequential;
  Copies copies = Copies::trace_headers;
  std::uint8_t instances = 1;
};

struct TreeShape {
  std::vector<TreeService> services;  // the first is the one that users call
  policy::Upstream policy{};          // of every upstream, but for its name and its endpoints
  Duration budget = std::chrono::seconds{1};  // of calls whose cause is not known
  std::uint64_t seed = 1;
};

// What an instance of an application does with a request.
struct Temper {
  enum class Does : std::uint8_t {
    answers,        // calls, and answers with the worst that it got
    answers_first,  // 200, and calls afterwards
    refuses,        // 503 at once
    fails,          // calls, and answers 503
    gives_up,       // 503 when `life` is over, whatever its calls do
    hangs,          // calls, and never answers
    dies,           // with its calls, whatever it was doing when `life` was over
    half_head,      // calls, and resets within the head of its answer
    cuts_off        // likewise, within the body
  };
  Does does = Does::answers;
  Duration before = std::chrono::milliseconds{1};  // of work, ahead of every call and answer
  Duration life = std::chrono::milliseconds{10};
};

struct Visit;

struct User {
  http::Method method;
  Instant asked;
  Instant deadline;
  std::optional<Instant> gone;
  Client* client = nullptr;
};

// A request that reached an application.
struct Visit {
  std::size_t number = 0;
  std::size_t user = 0;
  std::string path;    // "0.2": the root's first call, and of that the third
  std::string target;  // "/7/0.2?31": user 7, called by visit 31
  std::size_t service = 0;
  std::size_t instance = 0;
  const Visit* cause = nullptr;  // none: the user
  http::Fields fields;
  Instant at;
  Instant deadline;             // as it was told
  std::optional<Instant> over;  // answered, dead or cancelled
  bool cancelled = false;
  std::optional<Instant> died;  // and all of its calls with it
};

class TreeInstance;

class Tree {
 public:
  explicit Tree(TreeShape shape);
  ~Tree();

  // GET or PUT: both may be repeated, and only the former is cancelled when its caller has gone.
  User& ask(Duration budget, http::Method method = http::Method::get);
  // Closes the user's connection.
  void leave(User& user);
  TreeInstance& instance(std::size_t service, std::size_t number);
  const TreeShape& shape() const { return shape_; }
  const std::deque<Visit>& visits() const { return visits_; }
  std::deque<User>& users() { return users_; }
  // Everybody leaves, and every weir drains.
  void finish();

  Network network;

 private:
  friend class TreeInstance;
  TreeShape shape_;
  std::deque<Visit> visits_;
  std::deque<User> users_;
  std::vector<std::vector<std::unique_ptr<TreeInstance>>> instances_;
  std::deque<std::unique_ptr<Client>> clients_;
};

class TreeInstance final : private Listening {
 public:
  TreeInstance(Tree& tree, std::size_t service, std::size_t number);
  ~TreeInstance();

  Sidecar weir;
  Temper temper;
  Answer answers = Answer::accept;  // the application's; the weir has its own

 private:
  class Connection;
  class Job;
  Answer answer() override { return answers; }
  Duration delay() override { return std::chrono::microseconds{50}; }
  LinkTraits traits() override { return {}; }
  void accept(std::shared_ptr<Link> link) override;
  Job& begin(Connection& connection, const http::RequestHead& head);
  Visit& visited(const http::RequestHead& head);
  const TreeService& service() const { return tree_.shape_.services[service_]; }

  Tree& tree_;
  std::size_t service_;
  std::size_t number_;
  std::deque<std::unique_ptr<Connection>> connections_;
  std::deque<std::unique_ptr<Job>> jobs_;
};

}  // namespace weir::sim
