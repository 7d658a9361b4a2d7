package rowkey

import "strings"

// knownWords are words that names of settings, providers and rows are made of, in order. A key is shown as a name only where
// one of them stands in it, so a word that is missing costs no more than a digest in place of a name.
var knownWords = strings.Fields(`
access account action active admin agent alert alerts alpha amazon analytics anthropic anyscale api app apple
application archive assembly assistant auth authorization azure backend backup bedrock beta billing bot bridge bucket
cache calendar callback cerebras channel chat claude client cloud cloudflare code cohere collection config connection
connector console contact container context control credential credentials custom customer dashboard data database
datadog deepgram deepinfra deepseek default demo deployment dev developer development device digitalocean discord
docker document domain drive dropbox elevenlabs email embedding encryption endpoint engine environment event external
facebook feature file fireworks folder gateway gemini github gitlab gmail google grafana grok groq group guest health
home host hub hubspot huggingface identity image import index instagram instance integration integrations internal
invite issue item jira key keys kubernetes label linear link linkedin list live local log login mail main management
manager master memory message meta microsoft mistral mode model monitor name network node notification notion nvidia
oauth object office ollama openai openrouter operator order org organization outlook owner package page partner
password payment paypal perplexity pinecone pipeline plain plan platform plugin policy postgres primary private prod
product production profile project provider proxy public queue read readonly recovery redis region registry release
remote replicate report repository request resource role root router row rule sample sandbox schedule search secondary
secret secrets section sendgrid sentry server service session setting settings share shared shop signing signup site
slack smtp source space stability staging standard state status storage store stripe subscription supabase support
system table task team telegram template tenant test tests text thread ticket together token tokens tool trace twilio
twitter type unit update upload user users vault vector vercel version video view vision voice wallet web webhook
whatsapp widget window word work worker workflow workspace write xai youtube zapier zendesk`)
