// Signals and changed files, as the control loop hears of them.

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <vector>

#include "weir/server/file_watch.h"
#include "weir/server/signals.h"

namespace weir::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
namespace fs = std::filesystem;

template <class Predicate>
void turn_until(net::Loop& loop, Predicate done) {
  const auto give_up = std::chrono::steady_clock::now() + seconds{20};
  while (!done()) {
    ASSERT_LT(std::chrono::steady_clock::now(), give_up) << "nothing happened";
    loop.turn(milliseconds{50});
  }
}

class Watch : public testing::Test {
 protected:
  Watch() : directory(fs::path{testing::TempDir()} / ("weir-watch-" + std::to_string(::getpid()))) {
    fs::remove_all(directory);
    fs::create_directories(directory);
    write(directory / "service.yaml", "one");
  }
  ~Watch() override { fs::remove_all(directory); }

  static void write(const fs::path& path, const std::string& text) { std::ofstream{path} << text; }
  FileWatch watching() {
    return FileWatch{loop, {(directory / "service.yaml").string()}, [this] { ++changes; }};
  }

  net::Loop loop;
  fs::path directory;
  int changes = 0;
};

TEST_F(Watch, sees_a_file_written_in_place_and_one_renamed_over_it) {
  const FileWatch watch = watching();
  write(directory / "service.yaml", "two");
  turn_until(loop, [&] { return changes == 1; });
  write(directory / "new", "three");
  fs::rename(directory / "new", directory / "service.yaml");
  turn_until(loop, [&] { return changes == 2; });
}

TEST_F(Watch, sees_the_swap_of_a_link_as_kubernetes_does_it) {
  fs::remove(directory / "service.yaml");
  for (const char* version : {"1", "2"}) {
    fs::create_directory(directory / version);
    write(directory / version / "service.yaml", version);
  }
  fs::create_directory_symlink("1", directory / "..data");
  fs::create_symlink("..data/service.yaml", directory / "service.yaml");
  const FileWatch watch = watching();
  fs::create_directory_symlink("2", directory / "..data_tmp");
  fs::rename(directory / "..data_tmp", directory / "..data");
  turn_until(loop, [&] { return changes == 1; });
}

TEST_F(Watch, the_same_content_is_no_change) {
  const FileWatch watch = watching();
  write(directory / "service.yaml", "one");
  write(directory / "other", "something");
  struct Later final : Wakeable {
    bool rung = false;
    void wake() override { rung = true; }
  } later;
  Timer timer{later};
  loop.scheduler().arm_in(timer, FileWatch::settle * 2);
  turn_until(loop, [&] { return later.rung; });
  EXPECT_EQ(changes, 0);
}

TEST_F(Watch, survives_the_directory_and_finds_the_file_again) {
  const FileWatch watch = watching();
  fs::remove_all(directory);
  loop.turn(milliseconds{0});
  fs::create_directories(directory);
  write(directory / "service.yaml", "back");
  turn_until(loop, [&] { return changes == 1; });
  write(directory / "service.yaml", "and again");
  turn_until(loop, [&] { return changes == 2; });
}

TEST_F(Watch, several_files_that_change_together_are_one_change) {
  fs::create_directories(directory / "other");
  write(directory / "other" / "key", "one");
  const FileWatch watch{loop,
                        {(directory / "service.yaml").string(), (directory / "other/key").string(),
                         (directory / "absent/file").string()},
                        [this] { ++changes; }};
  write(directory / "service.yaml", "two");
  write(directory / "other" / "key", "two");
  turn_until(loop, [&] { return changes == 1; });
  write(directory / "other" / "key", "three");
  turn_until(loop, [&] { return changes == 2; });
}

TEST(Signals, arrive_on_the_loop_with_their_meaning) {
  net::Loop loop;
  std::vector<Signal> seen;
  const Signals signals{loop, [&](Signal signal) { seen.push_back(signal); }};
  for (const int number : {SIGHUP, SIGUSR1, SIGTERM}) {
    ::kill(::getpid(), number);
    const auto before = seen.size();
    turn_until(loop, [&] { return seen.size() > before; });
  }
  EXPECT_EQ(seen, (std::vector{Signal::reload, Signal::reopen_logs, Signal::drain}));
}

}  // namespace
}  // namespace weir::server
