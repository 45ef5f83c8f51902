#include "weir/telemetry/access_log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "sample_record.h"
#include "telemetry/log_ring.h"

namespace weir::telemetry {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class Folder {
 public:
  Folder() {
    std::string pattern = std::filesystem::temp_directory_path() / "weir-log-XXXXXX";
    path_ = mkdtemp(pattern.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string file(const char* name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

std::string content(const std::string& path) {
  std::ifstream file{path};
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::ptrdiff_t line_count(const std::string& text) { return std::ranges::count(text, '\n'); }

policy::AccessLog text_log(std::string path) {
  return {.enabled = true, .format = policy::LogFormat::text, .path = std::move(path)};
}

TEST(LogRing, takes_whole_lines_or_nothing) {
  LogRing ring{16};
  EXPECT_TRUE(ring.push("0123456789"));
  EXPECT_FALSE(ring.push("0123456"));
  EXPECT_EQ(ring.size(), 10U);
  EXPECT_TRUE(ring.push("abcdef"));
  EXPECT_EQ(ring.peek()[0], "0123456789abcdef");
  ring.pop(12);
  EXPECT_EQ(ring.size(), 4U);
  EXPECT_TRUE(ring.push("ghijkl"));
  EXPECT_EQ(ring.peek()[0], "cdef");
  EXPECT_EQ(ring.peek()[1], "ghijkl");
  ring.pop(10);
  EXPECT_TRUE(ring.empty());
}

TEST(LogRing, begins_anew_at_its_front_when_it_has_run_empty) {
  LogRing ring{16};
  ASSERT_TRUE(ring.push("0123456789"));
  const char* const front = ring.peek()[0].data();
  ring.pop(4);
  ASSERT_TRUE(ring.push("abc"));
  ASSERT_EQ(ring.peek()[0], "456789abc");
  EXPECT_EQ(ring.peek()[0].data(), front + 4);
  ring.pop(9);
  ASSERT_TRUE(ring.push("0123456789abcdef"));
  EXPECT_EQ(ring.peek()[0], "0123456789abcdef");
  EXPECT_EQ(ring.peek()[0].data(), front);
}

TEST(AccessLog, writes_the_lines_of_all_workers) {
  const Folder folder;
  const std::string path = folder.file("access.log");
  AccessLog log;
  ASSERT_TRUE(log.configure(text_log(path)));
  constexpr int each = 3000;
  std::vector<std::thread> workers;
  for (int index = 0; index < 2; ++index) {
    workers.emplace_back([&producer = log.add_worker()] {
      for (int count = 0; count < each; ++count) producer.write(sample_record());
    });
  }
  for (auto& worker : workers) worker.join();
  log.stop(seconds{30});
  const AccessLog::Counts counts = log.counts();
  EXPECT_EQ(counts.lines + counts.dropped, 2U * each);
  EXPECT_EQ(counts.write_errors, 0U);
  std::istringstream lines{content(path)};
  std::uint64_t seen = 0;
  for (std::string line; std::getline(lines, line); ++seen) {
    EXPECT_TRUE(line.starts_with("2026-10-21T") && line.ends_with("user_agent=\"orders/2.3\""))
        << line;
  }
  EXPECT_EQ(seen, counts.lines);
}

TEST(AccessLog, drops_and_counts_when_the_output_is_stuck_and_still_stops) {
  const Folder folder;
  const std::string path = folder.file("pipe");
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  const int reader = open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  ASSERT_GE(reader, 0);
  AccessLog log{kibibytes(64)};
  ASSERT_TRUE(log.configure(text_log(path)));
  LogProducer& producer = log.add_worker();
  for (int count = 0; count < 3000; ++count) producer.write(sample_record());
  EXPECT_GT(log.counts().dropped, 0U);
  EXPECT_EQ(log.counts().lines + log.counts().dropped, 3000U);
  log.stop(milliseconds{10});
  close(reader);
}

TEST(AccessLog, goes_on_in_a_new_file_after_rotation) {
  const Folder folder;
  const std::string path = folder.file("access.log");
  AccessLog log;
  ASSERT_TRUE(log.configure(text_log(path)));
  LogProducer& producer = log.add_worker();
  producer.write(sample_record());
  std::filesystem::rename(path, folder.file("access.log.1"));
  ASSERT_TRUE(log.reopen());
  producer.write(sample_record());
  log.stop(seconds{30});
  EXPECT_EQ(line_count(content(path)) + line_count(content(folder.file("access.log.1"))), 2);
  EXPECT_GE(line_count(content(path)), 1);
}

TEST(AccessLog, keeps_the_old_output_when_the_new_one_cannot_be_opened) {
  const Folder folder;
  const std::string path = folder.file("access.log");
  AccessLog log;
  ASSERT_TRUE(log.configure(text_log(path)));
  const auto refused = log.configure(text_log(folder.file("missing/access.log")));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().find("No such file"), std::string::npos);
  log.add_worker().write(sample_record());
  log.stop(seconds{30});
  EXPECT_EQ(line_count(content(path)), 1);
}

TEST(AccessLog, is_switched_off_and_changes_its_format_by_reload) {
  const Folder folder;
  const std::string path = folder.file("access.log");
  AccessLog log;
  LogProducer& producer = log.add_worker();
  producer.write(sample_record());  // not configured yet
  auto policy = text_log(path);
  ASSERT_TRUE(log.configure(policy));
  producer.write(sample_record());
  policy.format = policy::LogFormat::json;
  ASSERT_TRUE(log.configure(policy));
  producer.write(sample_record());
  policy.enabled = false;
  ASSERT_TRUE(log.configure(policy));
  producer.write(sample_record());
  log.stop(seconds{30});
  const std::string text = content(path);
  EXPECT_EQ(line_count(text), 2);
  EXPECT_TRUE(text.starts_with("2026-"));
  EXPECT_NE(text.find("\n{\"time\""), std::string::npos);
}

TEST(AccessLog, counts_failed_writes) {
  AccessLog log;
  ASSERT_TRUE(log.configure(text_log("/dev/full")));
  log.add_worker().write(sample_record());
  log.stop(seconds{30});
  EXPECT_EQ(log.counts().write_errors, 1U);
}

}  // namespace
}  // namespace weir::telemetry
