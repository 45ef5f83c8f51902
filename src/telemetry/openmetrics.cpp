#include "openmetrics.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <iterator>
#include <string_view>
#include <utility>

namespace weir::telemetry {
namespace {

std::string escaped(std::string_view text) {
  std::string result;
  for (const char byte : text) {
    switch (byte) {
      case '\\': result += "\\\\"; break;
      case '"': result += "\\\""; break;
      case '\n': result += "\\n"; break;
      default: result += byte;
    }
  }
  return result;
}

std::string number(double value) {
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  // `le` and `quantile` are canonical only with a point, and counters read the same with one.
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".en") == std::string::npos) text += ".0";
  return text;
}

class Writer {
 public:
  void write(const prometheus::MetricFamily& family) {
    constexpr std::string_view total = "_total";
    std::string_view name = family.name;
    const bool counter = family.type == prometheus::MetricType::Counter;
    if (counter && name.ends_with(total)) name.remove_suffix(total.size());
    write_metadata(name, family);
    for (const auto& metric : family.metric) {
      if (family.type == prometheus::MetricType::Histogram) {
        write_histogram(name, metric);
      } else {
        write_sample(name, counter ? total : "", metric.label, {},
                     counter ? metric.counter.value : metric.gauge.value);
      }
    }
  }

  std::string finish() && { return std::move(text_) + "# EOF\n"; }

 private:
  void write_metadata(std::string_view name, const prometheus::MetricFamily& family) {
    const std::string_view type = family.type == prometheus::MetricType::Counter     ? "counter"
                                  : family.type == prometheus::MetricType::Histogram ? "histogram"
                                                                                     : "gauge";
    append("# TYPE {} {}\n", name, type);
    for (const std::string_view unit : {"seconds", "bytes"}) {
      if (name.ends_with(fmt::format("_{}", unit))) append("# UNIT {} {}\n", name, unit);
    }
    append("# HELP {} {}\n", name, escaped(family.help));
  }

  void write_histogram(std::string_view name, const prometheus::ClientMetric& metric) {
    for (const auto& bucket : metric.histogram.bucket) {
      write_sample(name, "_bucket", metric.label, number(bucket.upper_bound),
                   static_cast<double>(bucket.cumulative_count));
    }
    write_sample(name, "_count", metric.label, {},
                 static_cast<double>(metric.histogram.sample_count));
    write_sample(name, "_sum", metric.label, {}, metric.histogram.sample_sum);
  }

  void write_sample(std::string_view name, std::string_view suffix,
                    const std::vector<prometheus::ClientMetric::Label>& labels,
                    std::string_view bound, double value) {
    append("{}{}", name, suffix);
    char separator = '{';
    for (const auto& label : labels) {
      append("{}{}=\"{}\"", separator, label.name, escaped(label.value));
      separator = ',';
    }
    if (!bound.empty()) append("{}le=\"{}\"", std::exchange(separator, ','), bound);
    append("{} {}\n", separator == ',' ? "}" : "", number(value));
  }

  template <class... Arguments>
  void append(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    fmt::format_to(std::back_inserter(text_), format, std::forward<Arguments>(arguments)...);
  }

  std::string text_;
};

}  // namespace

std::string write_openmetrics(const std::vector<prometheus::MetricFamily>& families) {
  Writer writer;
  for (const auto& family : families) writer.write(family);
  return std::move(writer).finish();
}

}  // namespace weir::telemetry
