// Notices that a file's content has become another, however it was written: in place, by rename, or
// by the swap of a symbolic link (`..data`) as Kubernetes does it for ConfigMaps.
//
// The directory is watched by inotify; events are gathered for `settle`, then contents are
// compared. Every `poll` the file is looked at regardless, because network file systems, vanished
// directories and exhausted inotify limits send no events. A file that cannot be read has not
// changed.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "weir/base/timer_queue.h"
#include "weir/net/descriptor.h"
#include "weir/net/loop.h"

namespace weir::server {

class ConfigWatch final : private net::Watcher, private Wakeable {
 public:
  // What the file holds now counts as known. `changed` is called from the loop's top level.
  ConfigWatch(net::Loop& loop, std::string path, std::function<void()> changed);
  ~ConfigWatch() override;

  static constexpr Duration settle = std::chrono::milliseconds{100};
  static constexpr Duration poll = std::chrono::seconds{3};
  // What lies beyond in a file is not compared; weir reads no configuration that large.
  static constexpr std::size_t compared_bytes = 4UL << 20U;

 private:
  void on_ready(net::Readiness readiness) override;
  void wake() override;
  void watch_directory();
  std::optional<std::uint64_t> fingerprint() const;

  net::Loop& loop_;
  std::string path_;
  std::string directory_;
  std::function<void()> changed_;
  net::Descriptor inotify_;
  int watch_ = -1;  // of the directory; none while it cannot be watched
  Timer timer_;
  std::optional<std::uint64_t> known_;
};

}  // namespace weir::server
