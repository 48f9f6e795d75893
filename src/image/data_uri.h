// "data:image/png;base64,...": the bytes inside. Source: RFC 2397 and RFC 4648 section 4. Internal to the
// room. Left out: percent-encoded payloads; the media type is not looked at (a picture's content decides).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace cobra {

/// Whether `text` starts with the scheme "data:", in any case.
bool is_data_uri(std::string_view text);

/// The decoded payload. White space in it is skipped and the padding may be missing, as browsers allow.
/// Throws Error when the URI is not a base64 one or its payload is not base64 or decodes to more than
/// `max_bytes`.
std::vector<std::byte> decode_data_uri(std::string_view uri, int64_t max_bytes);

}  // namespace cobra
