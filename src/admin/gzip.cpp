#include "gzip.h"

#include <zlib.h>

#include <algorithm>

namespace weir::admin {

std::optional<std::string> gzip(std::string_view bytes) {
  constexpr int gzip_window = 15 + 16;  // zlib's way of asking for a gzip header
  constexpr int memory_level = 8;
  z_stream stream{};
  if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, gzip_window, memory_level,
                   Z_DEFAULT_STRATEGY) != Z_OK) {
    return std::nullopt;
  }
  std::string input{bytes};  // zlib's pointer is not to const
  std::string output(deflateBound(&stream, input.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(output.data());
  stream.avail_out = static_cast<uInt>(output.size());
  const int result = deflate(&stream, Z_FINISH);
  output.resize(stream.total_out);
  deflateEnd(&stream);
  if (result != Z_STREAM_END) return std::nullopt;
  return output;
}

bool takes_gzip(std::string_view accept_encoding) {
  const auto place = accept_encoding.find("gzip");
  if (place == std::string_view::npos) return false;
  std::string_view parameters = accept_encoding.substr(place + 4);
  parameters = parameters.substr(0, parameters.find(','));
  const auto weight = parameters.find("q=");
  if (weight == std::string_view::npos) return true;
  // "0", "0." and "0.000" are zero; any other digit is not (RFC 9110, 12.4.2).
  return parameters.find_first_of("123456789", weight) != std::string_view::npos;
}

}  // namespace weir::admin
