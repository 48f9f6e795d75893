#include "model/convert.h"

#include <optional>

#include "base/fail.h"
#include "base/file.h"
#include "model/convert_plan.h"
#include "model/convert_run.h"
#include "model/schema.h"
#include "tokenizer/tokenizer.h"

namespace cobra {
namespace {

void write_plan(const ConvertOptions& options, const Plan& plan,
                const std::optional<TokenizerData>& tokenizer) {
  for (const std::string& input : {options.checkpoint, options.dino, options.siglip, options.clip,
                                   options.llm, options.tokenizer, options.llm_config, options.dims}) {
    if (!input.empty()) check_output_differs(options.output, input);
  }
  if (options.note) {
    for (const std::string& note : plan.notes) options.note(note);
  }
  GgufWriter writer(options.output);
  write_config(plan.config, options.type, writer);
  if (tokenizer) {
    tokenizer->to_gguf(writer, plan.config.mamba.vocab_size);
  } else {
    TokenizerData::none_to_gguf(writer);
  }
  write_tensors(plan.tensors, options.threads, options.progress, writer);
}

/// The parts that the source has, in file order.
void convert_source(const ConvertOptions& options, RunSource source, bool head_required,
                    const std::string& where) {
  Plan plan;
  std::optional<TokenizerData> tokenizer;
  if (source.language_model) tokenizer = read_tokenizer(options, source.dims, source.config);
  check_config(source.config, where);
  plan.config = std::move(source.config);
  if (source.language_model) plan_language_model(*source.language_model, head_required, options.type, plan);
  if (source.projector) plan_projector(plan.config.projector, *source.projector, options.type, plan);
  for (size_t i = 0; i < source.towers.size(); ++i) {
    plan_tower(plan.config.towers[i], source.towers[i], options.type, plan);
  }
  write_plan(options, plan, tokenizer);
}

void convert_run(ConvertOptions options) {
  if (options.checkpoint.empty()) options.checkpoint = default_checkpoint(options.run_dir);
  convert_source(options, open_run(options), true, run_config_path(options.run_dir));
}

}  // namespace

void convert(const ConvertOptions& options) {
  const bool towers = !options.dino.empty() || !options.siglip.empty() || !options.clip.empty();
  check(!options.output.empty(), "convert: the output file is missing: give -o OUT.gguf");
  if (!options.run_dir.empty()) {
    check(options.llm.empty(), "convert: --run and --llm exclude each other");
    return convert_run(options);
  }
  check(options.checkpoint.empty(), "convert: --checkpoint needs the run it belongs to: give --run DIR");
  if (!options.llm.empty()) {
    check(!towers, "convert: --llm converts a language model alone: leave the towers out, or give --run DIR");
    return convert_source(options, open_parts(options), false, options.llm);
  }
  check(towers,
        "convert: nothing to convert: give --run DIR, --llm FILE, or towers with --dino FILE and --siglip "
        "FILE");
  check(options.tokenizer.empty() && options.llm_config.empty(),
        "convert: --tokenizer and --llm-config belong to a language model: leave them out for towers alone");
  RunSource towers_alone = open_parts(options);
  const std::string where = towers_alone.towers.front().path();
  convert_source(options, std::move(towers_alone), false, where);
}

}  // namespace cobra
