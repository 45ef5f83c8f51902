#include "cli/demo_instance.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <memory>
#include <string_view>
#include <vector>

#include "cli/demo_alarm.h"
#include "cli/demo_caller.h"
#include "weir/base/random.h"
#include "weir/cli/commands.h"
#include "weir/codec/h1_head.h"
#include "weir/codec/h1_writer.h"
#include "weir/net/channel.h"
#include "weir/net/listener.h"

namespace weir::cli {
namespace {

using std::chrono::milliseconds;

constexpr Duration usual_work = milliseconds{6};
constexpr Duration slow_work = milliseconds{300};
constexpr Duration broken_work = milliseconds{1};
constexpr Duration report_interval = milliseconds{100};
// Longer than any budget in the demo: the time limit is the sidecar's business.
constexpr Duration call_limit = std::chrono::seconds{2};

// What an instrumented application hands on; it knows nothing of weir.
constexpr std::array handed_on{http::Name::traceparent, http::Name::tracestate, http::Name::baggage,
                               http::Name::x_request_id};

enum class Mode : std::uint8_t { ok, slow, broken };

class Instance final : private net::AcceptEvents, private net::Watcher {
 public:
  Instance(net::Loop& loop, net::ListeningSocket socket, const InstanceOptions& options);
  ~Instance();

 private:
  class Session;

  void on_accept(net::Arrival arrival) override;
  void on_ready(net::Readiness readiness) override;
  void obey(std::string_view order);
  void report();
  void remove(Session& session);
  // How long the next answer takes to make.
  Duration work();

  net::Loop& loop_;
  const InstanceOptions& options_;
  Random random_;
  Mode mode_ = Mode::ok;
  std::uint64_t calls_ = 0;
  std::string orders_;  // what has arrived of them
  Alarm reporting_;
  std::unique_ptr<HttpCaller> caller_;
  std::vector<std::unique_ptr<Session>> sessions_;
  net::Listener listener_;
};

// A caller's connection. What happens is looked at from wake(), where it may also end itself.
class Instance::Session final : private net::ChannelEvents, private Wakeable {
 public:
  Session(Instance& instance, std::unique_ptr<net::Transport> transport)
      : instance_(instance),
        working_(instance.loop_),
        channel_(std::move(transport), instance.loop_.scheduler().ready(), *this) {}

 private:
  void on_input() override { instance_.loop_.scheduler().schedule(*this); }
  void on_drained() override { instance_.loop_.scheduler().schedule(*this); }

  void wake() override {
    const bool gone = channel_.input_state() != net::Channel::Input::open;
    if (gone || channel_.output_broken()) return instance_.remove(*this);
    if (busy_) return;
    const auto size = parser_.parse(channel_.input());
    if (!size || !head_.body.empty()) return instance_.remove(*this);
    if (*size == 0) {
      if (!channel_.read_more()) instance_.remove(*this);
      return;
    }
    channel_.consume(*size);
    begin();
  }

  void begin() {
    busy_ = true;
    ++instance_.calls_;
    working_.set(instance_.work(), [this] {
      if (instance_.mode_ == Mode::broken) return answer(503, "broken\n");
      if (!instance_.caller_) return answer(200, instance_.options_.name + "\n");
      ask_on();
    });
  }

  void ask_on() {
    auto request = get_request(instance_.options_.calls, "/items");
    for (const auto name : handed_on) {
      if (const auto value = head_.fields.find(name)) request.fields.add(name, *value);
    }
    const std::weak_ptr<Session*> self = self_;
    instance_.caller_->get(std::move(request), call_limit, [self](const CallResult& result) {
      const auto alive = self.lock();
      if (!alive) return;
      Session& session = **alive;
      const bool good = result.status == 200;
      session.answer(good ? 200 : 502, good ? session.name() + " asked " + result.body
                                            : session.name() + " got no answer\n");
    });
  }

  const std::string& name() const { return instance_.options_.name; }

  void answer(std::uint16_t status, std::string_view body) {
    http::ResponseHead response;
    response.status = status;
    response.body = http::BodyLength::known(body.size());
    response.fields.add("content-type", "text/plain");
    response.fields.add("x-instance", name());
    codec::write_response_head(response, channel_.output(), head_.method);
    if (head_.method != http::Method::head) channel_.write(body);
    channel_.flush();
    busy_ = false;
    parser_.reset();
    instance_.loop_.scheduler().schedule(*this);  // the next request may have arrived already
  }

  Instance& instance_;
  Alarm working_;
  http::RequestHead head_;
  codec::RequestHeadParser parser_{head_};
  bool busy_ = false;
  std::shared_ptr<Session*> self_ = std::make_shared<Session*>(this);
  net::Channel channel_;
};

Instance::Instance(net::Loop& loop, net::ListeningSocket socket, const InstanceOptions& options)
    : loop_(loop),
      options_(options),
      random_(entropy()),
      reporting_(loop),
      listener_(loop, std::move(socket), *this) {
  if (options.through) caller_ = std::make_unique<HttpCaller>(loop, *options.through);
  static_cast<void>(loop.watch(STDIN_FILENO, net::Interest::level_read, *this));
  report();
}

Instance::~Instance() { loop_.forget(*this); }

void Instance::on_accept(net::Arrival arrival) {
  auto transport = std::move(arrival).plain();
  if (!transport) return;
  sessions_.push_back(std::make_unique<Session>(*this, std::move(transport)));
}

void Instance::remove(Session& session) {
  std::erase_if(sessions_, [&](const auto& one) { return one.get() == &session; });
}

void Instance::on_ready(net::Readiness /*readiness*/) {
  std::array<char, 256> bytes{};
  const auto count = ::read(STDIN_FILENO, bytes.data(), bytes.size());
  if (count <= 0) {
    loop_.stop();
    return;
  }
  orders_.append(bytes.data(), static_cast<std::size_t>(count));
  for (auto end = orders_.find('\n'); end != std::string::npos; end = orders_.find('\n')) {
    obey(std::string_view{orders_}.substr(0, end));
    orders_.erase(0, end + 1);
  }
}

void Instance::obey(std::string_view order) {
  if (order == "ok") mode_ = Mode::ok;
  if (order == "slow") mode_ = Mode::slow;
  if (order == "broken") mode_ = Mode::broken;
}

// A line is short enough for the pipe to take it whole. When the parent has gone, the input ends.
void Instance::report() {
  const auto line = fmt::format("calls {}\n", calls_);
  [[maybe_unused]] const auto written = ::write(STDOUT_FILENO, line.data(), line.size());
  reporting_.set(report_interval, [this] { report(); });
}

Duration Instance::work() {
  switch (mode_) {
    case Mode::slow: return slow_work + usual_work;
    case Mode::broken: return broken_work;
    case Mode::ok: break;
  }
  return random_.jittered(usual_work, percent(50));
}

}  // namespace

int demo_instance(const InstanceOptions& options) {
  std::signal(SIGPIPE, SIG_IGN);
  net::Loop loop;
  auto socket = net::ListeningSocket::open(options.listen);
  if (!socket) {
    fmt::print(stderr, "{}: {}\n", options.name, socket.error().text);
    return exit_code::unavailable;
  }
  Instance instance{loop, std::move(*socket), options};
  loop.run();
  return exit_code::ok;
}

}  // namespace weir::cli
