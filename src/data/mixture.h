// The paper's training mixture from what its authors' publishers offer: LLaVA-1.5, LVIS-Instruct-4V and
// LRV-Instruct, one LLaVA-format file out of them.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "data/mix_order.h"
#include "data/mix_source.h"
#include "data/picture_check.h"

namespace cobra::data {

struct MixFile {
  MixSource source;
  std::string path;
};

struct MixOptions {
  std::vector<MixFile> files;  // in the order of MixSource
  std::string output;          // the mixture
  std::string report;          // what was left out, as JSON lines
  LrvFolders lrv_folders;
  uint32_t seed = kMixSeed;
  bool multimodal_only = false;
  PictureCheck pictures;  // its folder may be nullptr: pictures are not looked for
};

struct MixReport {
  struct Source {
    int64_t records = 0;
    int64_t examples = 0;  // of the mixture
  };
  std::array<Source, 4> sources;  // by MixSource
  int64_t examples = 0;
  int64_t with_picture = 0;
  int64_t text_only_left_out = 0;  // by multimodal_only; not in the report file
  int64_t bad_records = 0;
  int64_t missing_pictures = 0;  // examples, not files
  int64_t broken_pictures = 0;
};

/// Writes the report, then the mixture, each whole or not at all. A record that is not as published, or whose
/// picture is missing or broken, is left out and becomes a line of the report:
///     {"file":"lrv.json","position":3,"id":"2392588","image":"lrv/lrv-vg/2392588.jpg","problem":"..."}
/// The others keep their order. Throws Error naming the file when one is no JSON array or would be
/// overwritten, and when nothing is left (then only the report is written).
MixReport mix(const MixOptions& options);

}  // namespace cobra::data
