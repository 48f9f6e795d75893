// Looking into a forward pass.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace cobra {

/// Called with each named intermediate of a forward pass (names as `cobra trace` writes them): values are
/// row-major and valid during the call. For porting and debugging; empty means no tracing.
using TraceSink =
    std::function<void(const std::string& name, const std::vector<int64_t>& shape, const float* values)>;

}  // namespace cobra
