// The published forms of the data sets that the paper's mixture is made of, and the one form they get.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "formats/json.h"

namespace cobra::data {

enum class MixSource {
  llava,      // llava_v1_5_mix665k.json: LLaVA's form
  lvis,       // lvis_instruct4v_220k.json: LLaVA's form
  lrv,        // filter_cap1.json, filter_cap_more1.json: {"image_id": "2392588", "question", "answer", ...}
  lrv_chart,  // chart_release_update.json: the same, "image_id" is a file name
};

/// "LLaVA-1.5", "LVIS-Instruct-4V", "LRV-Instruct", "LRV-Instruct charts"
std::string_view title(MixSource source);

/// Where LRV's pictures are below the picture folder, as the official script has them.
struct LrvFolders {
  std::string photos = "lrv/lrv-vg";     // Visual Genome, "<image_id>.jpg"
  std::string charts = "lrv/lrv-chart";  // "<image_id>"
};

/// A record in LLaVA's form: LLaVA's own with all its fields; LRV's as a conversation of one question, both
/// texts stripped. Throws Error that starts with `place` and names the field that is not as published.
Json mix_record(MixSource source, std::string_view text, const LrvFolders& folders, const std::string& place);

}  // namespace cobra::data
