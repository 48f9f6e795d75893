// From a benchmark's official downloads to the index files that the official builders write.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "eval/benchmark.h"

namespace cobra::eval {

struct Prepared {
  std::vector<std::string> files;  // written, in the order of writing
  int64_t questions = 0;
  int64_t pictures = 0;
  std::vector<std::string> missing_pictures;  // their files, below the folder of the downloads
  std::vector<std::string> warnings;
};

/// Reads the downloads of `from` (the root, its folder download/, or download/<family>/) and writes
/// `output_root`/datasets/<family>/ ("": the root of `from`), the full set and one slim set for each size.
/// Below another root download/<family> becomes a link to the downloads. Throws Error that lists every
/// missing download, and where download/<family> is another folder; missing pictures are counted, not
/// refused.
Prepared prepare(const Benchmark& benchmark, const std::string& from, const std::string& output_root,
                 const std::vector<int64_t>& slim_sizes);

}  // namespace cobra::eval
