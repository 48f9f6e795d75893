// A Mamba's dimensions, which all follow from the shapes of its weights, checked against the two kinds of
// config.json.
#include "base/fail.h"
#include "model/convert_config.h"

namespace cobra {
namespace {

/// A JSON file that says what the weights say too.
class Witness {
 public:
  Witness(const Json& json, const std::string& path, const std::string& weights)
      : json_(json), path_(path), weights_(weights) {}

  const Json& json() const { return json_; }
  const std::string& path() const { return path_; }
  /// An absent field agrees with everything, and so does "auto", which is how mamba_ssm spells ceil(d_model /
  /// 16).
  void agree(const char* field, int64_t found) const {
    const Json* value = json_find(json_, field);
    if (!value || *value == "auto") return;
    const int64_t said = json_integer(json_, field, path_);
    check(said == found, "{}: field '{}' is {}, but {} has {}", path_, field, said, weights_, found);
  }
  void must_be(const char* field, bool wanted) const {
    const bool said = json_boolean(json_, field, path_, wanted);
    check(said == wanted, "{}: field '{}': expected {}, found {}", path_, field, wanted, said);
  }

 private:
  const Json& json_;
  const std::string& path_;
  const std::string& weights_;
};

/// The embedding has vocab_size rows, rounded up to pad_vocab_size_multiple (8 where mamba_ssm's config
/// leaves it out).
void check_vocabulary(const Witness& config, int rows) {
  const int64_t size = json_integer(config.json(), "vocab_size", config.path(), rows);
  const int64_t multiple = json_integer(config.json(), "pad_vocab_size_multiple", config.path(), 8);
  check(multiple >= 1 && multiple <= 65536,
        "{}: field 'pad_vocab_size_multiple': expected 1 to 65536, found {}", config.path(), multiple);
  check(size == rows || (size < rows && rows - size < multiple && rows % multiple == 0),
        "{}: field 'vocab_size' is {}, padded to a multiple of {}, but the embedding has {} rows",
        config.path(), size, multiple, rows);
}

/// state-spaces/mamba-*: names of mamba_ssm's MambaConfig.
void check_mamba_ssm(const Witness& config, const MambaConfig& c) {
  config.agree("d_model", c.d_model);
  config.agree("n_layer", c.n_layer);
  config.agree("ssm_cfg.d_state", c.d_state);
  config.agree("ssm_cfg.d_conv", c.d_conv);
  config.agree("ssm_cfg.dt_rank", c.dt_rank);
  if (c.d_inner % c.d_model == 0) config.agree("ssm_cfg.expand", c.d_inner / c.d_model);
  config.must_be("rms_norm", true);
}

/// transformers' MambaConfig.
void check_transformers(const Witness& config, MambaConfig& c) {
  config.agree("hidden_size", c.d_model);
  config.agree("num_hidden_layers", c.n_layer);
  config.agree("state_size", c.d_state);
  config.agree("conv_kernel", c.d_conv);
  config.agree("intermediate_size", c.d_inner);
  config.agree("time_step_rank", c.dt_rank);
  config.must_be("use_bias", false);
  config.must_be("use_conv_bias", true);
  c.norm_epsilon =
      static_cast<float>(json_number(config.json(), "layer_norm_epsilon", config.path(), c.norm_epsilon));
}

void check_dims(const Dims& dims, const std::string& weights, MambaConfig& c) {
  const Witness witness(dims.json, dims.path, weights);
  witness.agree("mamba.d_model", c.d_model);
  witness.agree("mamba.n_layer", c.n_layer);
  witness.agree("mamba.d_inner", c.d_inner);
  witness.agree("mamba.d_state", c.d_state);
  witness.agree("mamba.d_conv", c.d_conv);
  witness.agree("mamba.dt_rank", c.dt_rank);
  witness.agree("mamba.vocab_size_padded", c.vocab_size);
  c.norm_epsilon =
      static_cast<float>(json_number(dims.json, "mamba.norm_epsilon", dims.path, c.norm_epsilon));
}

}  // namespace

MambaConfig infer_mamba(const SourceTensors& weights, const std::string& embedding,
                        const std::string& llm_config, const Dims& dims) {
  const std::string mixer = "backbone.layers.0.mixer.";
  MambaConfig c;
  c.vocab_size = weights.dimension(embedding, 2, 0);
  c.d_model = weights.dimension(embedding, 2, 1);
  c.n_layer = weights.count_layers("backbone.layers.");
  c.d_inner = weights.dimension(mixer + "conv1d.weight", 3, 0);
  c.d_conv = weights.dimension(mixer + "conv1d.weight", 3, 2);
  c.d_state = weights.dimension(mixer + "A_log", 2, 1);
  c.dt_rank = weights.dimension(mixer + "dt_proj.weight", 2, 1);
  check(c.d_model > 0 && c.vocab_size > 0, "{}: tensor '{}': expected rows and columns, found [{}, {}]",
        weights.path(), embedding, c.vocab_size, c.d_model);
  if (!llm_config.empty()) {
    const Json json = read_json(llm_config, 16 << 20);
    const Witness config(json, llm_config, weights.path());
    check_mamba_ssm(config, c);
    check_transformers(config, c);
    check_vocabulary(config, c.vocab_size);
  }
  check_dims(dims, weights.path(), c);
  return c;
}

}  // namespace cobra
