// What `cobra inspect` knows about a model file, as JSON and as text.
#pragma once

#include <string>

#include "formats/gguf.h"
#include "formats/json.h"
#include "formats/state_dict.h"

namespace cobra {

/// Configuration, sizes of the parts, types, tokenizer; with `tensors` also every tensor. Throws Error when
/// the file is no cobra or mamba model.
Json inspect_model(const GgufFile& file, bool tensors);
/// Size and tensors of a file of weights.
Json inspect_weights(const StateDict& file);

/// The same for people. `report` is what the functions above gave.
std::string model_text(const Json& report);
std::string weights_text(const Json& report);

}  // namespace cobra
